;; Passes over ordinary lines of mail data, a block of 64 octets at a time: what lines.ts does in TypeScript, and says why.
;; kernel.ts has this, assembled: test/interop/kernel.test.ts compares. CR is 13, LF 10, a dot 46.
(module
  ;; Four words that are told, and from 16 on all octets OR-ed together; from 64 on octets that are loaded, with one in front of them;
  ;; from 131072 on what is put together.
  (memory (export "memory") 4)

  ;; A bit for each octet of the block at $at that is $octet.
  (func $mask (param $at i32) (param $octet v128) (result i64)
    (i64.or
      (i64.or
        (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load (local.get $at)) (local.get $octet))))
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load offset=16 (local.get $at)) (local.get $octet)))) (i64.const 16)))
      (i64.or
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load offset=32 (local.get $at)) (local.get $octet)))) (i64.const 32))
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (v128.load offset=48 (local.get $at)) (local.get $octet)))) (i64.const 48)))))

  ;; Passes blocks in which all is ordinary, from $at on, and gives to where. What is not: LF behind something else than CR, CR in front
  ;; of something else than LF, and dots behind LF. Nearly all octets are looked at in here and nowhere else, so it has little in hand:
  ;; all of it has to stay in registers, and does for half a block at a time.
  (func $ordinary (param $at i32) (param $to i32) (param $cr v128) (param $lf v128) (param $dot v128) (result i32)
    (local $before i32) (local $all v128) (local $octets v128) (local $earlier v128) (local $ends v128) (local $special v128) (local $seen v128)
    (local.set $all (v128.load (i32.const 16)))
    (block $done
      (loop $next
        (br_if $done (i32.gt_s (i32.add (local.get $at) (i32.const 65)) (local.get $to))) ;; a dot in the last octet has one behind it
        (local.set $before (i32.sub (local.get $at) (i32.const 1)))
        (local.set $octets (v128.load offset=1 (local.get $before)))
        (local.set $earlier (v128.load offset=0 (local.get $before)))
        (local.set $ends (i8x16.eq (local.get $octets) (local.get $lf)))
        (local.set $special
          (v128.or
            (v128.xor (local.get $ends) (i8x16.eq (local.get $earlier) (local.get $cr)))
            (v128.and (i8x16.eq (local.get $earlier) (local.get $lf)) (i8x16.eq (local.get $octets) (local.get $dot)))))
        (local.set $seen (local.get $octets))
        (local.set $octets (v128.load offset=17 (local.get $before)))
        (local.set $earlier (v128.load offset=16 (local.get $before)))
        (local.set $ends (i8x16.eq (local.get $octets) (local.get $lf)))
        (local.set $special
          (v128.or
            (local.get $special)
            (v128.or
              (v128.xor (local.get $ends) (i8x16.eq (local.get $earlier) (local.get $cr)))
              (v128.and (i8x16.eq (local.get $earlier) (local.get $lf)) (i8x16.eq (local.get $octets) (local.get $dot))))))
        (br_if $done (v128.any_true (local.get $special)))
        (local.set $all (v128.or (local.get $all) (v128.or (local.get $seen) (local.get $octets))))
        (local.set $octets (v128.load offset=33 (local.get $before)))
        (local.set $earlier (v128.load offset=32 (local.get $before)))
        (local.set $ends (i8x16.eq (local.get $octets) (local.get $lf)))
        (local.set $special
          (v128.or
            (v128.xor (local.get $ends) (i8x16.eq (local.get $earlier) (local.get $cr)))
            (v128.and (i8x16.eq (local.get $earlier) (local.get $lf)) (i8x16.eq (local.get $octets) (local.get $dot)))))
        (local.set $seen (local.get $octets))
        (local.set $octets (v128.load offset=49 (local.get $before)))
        (local.set $earlier (v128.load offset=48 (local.get $before)))
        (local.set $ends (i8x16.eq (local.get $octets) (local.get $lf)))
        (local.set $special
          (v128.or
            (local.get $special)
            (v128.or
              (v128.xor (local.get $ends) (i8x16.eq (local.get $earlier) (local.get $cr)))
              (v128.and (i8x16.eq (local.get $earlier) (local.get $lf)) (i8x16.eq (local.get $octets) (local.get $dot))))))
        (br_if $done (v128.any_true (local.get $special)))
        (local.set $all (v128.or (local.get $all) (v128.or (local.get $seen) (local.get $octets))))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br $next)))
    (v128.store (i32.const 16) (local.get $all))
    (local.get $at))

  ;; Copies [$from, $to) to $put, and up to 31 octets more. Gives the place behind it.
  (func $copy (param $from i32) (param $to i32) (param $put i32) (result i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $put) (i32.sub (local.get $to) (local.get $from))))
    (loop $next
      (v128.store (local.get $put) (v128.load (local.get $from)))
      (v128.store offset=16 (local.get $put) (v128.load offset=16 (local.get $from)))
      (local.set $from (i32.add (local.get $from) (i32.const 32)))
      (local.set $put (i32.add (local.get $put) (i32.const 32)))
      (br_if $next (i32.lt_u (local.get $from) (local.get $to))))
    (local.get $end))

  ;; 1 where a dot was dropped from the beginning of this line, and does not count.
  (func $undotted (param $begin i32) (param $from i32) (param $to i32) (param $dots i32) (result i32)
    (if (i32.or
          (i32.ne (local.get $dots) (i32.const 1))
          (i32.or (i32.lt_s (local.get $begin) (local.get $from)) (i32.ge_s (local.get $begin) (local.get $to))))
      (then (return (i32.const 0))))
    (i32.and
      (i32.eq (i32.load8_u (i32.sub (local.get $begin) (i32.const 1))) (i32.const 10))
      (i32.eq (i32.load8_u (local.get $begin)) (i32.const 46))))

  ;; Counts the lines that end in [$from, $to) and are longer than $most, and tells where the one that ends later began. The first one
  ;; began at $begin. All that end within the length of one line are short: of those only the last one is looked for.
  (func $measure (param $begin i32) (param $from i32) (param $to i32) (param $dots i32) (param $most i32) (param $lf v128)
    (local $seen i32) (local $limit i32) (local $place i32) (local $long i32) (local $mask i64)
    (local.set $seen (local.get $from)) ;; no LF stands between $begin and there
    (block $done
      (loop $next
        (local.set $limit
          (i32.add (i32.add (local.get $begin) (call $undotted (local.get $begin) (local.get $from) (local.get $to) (local.get $dots))) (local.get $most)))
        (local.set $limit (select (local.get $limit) (local.get $to) (i32.lt_s (local.get $limit) (local.get $to))))
        (local.set $place (local.get $limit))
        (loop $back
          (if (i32.gt_s (local.get $place) (local.get $seen))
            (then
              (local.set $mask (call $mask (i32.sub (local.get $place) (i32.const 64)) (local.get $lf)))
              (local.set $place (i32.sub (local.get $place) (i32.wrap_i64 (i64.clz (local.get $mask)))))
              (br_if $back (i64.eqz (local.get $mask))))))
        (if (i32.gt_s (local.get $place) (local.get $seen))
          (then
            (local.set $begin (local.get $place))
            (local.set $seen (local.get $place))
            (br $next)))
        (local.set $place (select (local.get $limit) (local.get $seen) (i32.gt_s (local.get $limit) (local.get $seen))))
        (loop $on
          (br_if $done (i32.ge_s (local.get $place) (local.get $to)))
          (local.set $mask (call $mask (local.get $place) (local.get $lf)))
          (local.set $place (i32.add (local.get $place) (i32.wrap_i64 (i64.ctz (local.get $mask)))))
          (br_if $on (i64.eqz (local.get $mask))))
        (br_if $done (i32.ge_s (local.get $place) (local.get $to)))
        (local.set $long (i32.add (local.get $long) (i32.const 1)))
        (local.set $begin (i32.add (local.get $place) (i32.const 1)))
        (local.set $seen (local.get $begin))
        (br $next)))
    (i32.store (i32.const 4) (i32.add (local.get $begin) (call $undotted (local.get $begin) (local.get $from) (local.get $to) (local.get $dots))))
    (i32.store (i32.const 8) (local.get $long)))

  ;; Passes from $from on, and gives to where. Dots that begin lines are kept (0), dropped (1) or doubled (2). The line that is being
  ;; read began at $begin; what is longer than $most is counted. The octet in front of $from is LF where a line begins.
  (func (export "pass") (param $from i32) (param $to i32) (param $dots i32) (param $begin i32) (param $most i32) (result i32)
    (local $at i32) (local $put i32) (local $run i32) (local $place i32) (local $end i32) (local $kept i32) (local $to_put i32) (local $mask i64)
    (local $cr v128) (local $lf v128) (local $dot v128)
    (local.set $cr (i8x16.splat (i32.const 13)))
    (local.set $lf (i8x16.splat (i32.const 10)))
    (local.set $dot (i8x16.splat (select (i32.const 46) (i32.const 10) (local.get $dots)))) ;; LF behind LF is odd anyway
    (v128.store (i32.const 16) (i64x2.splat (i64.const 0)))
    (local.set $at (local.get $from))
    (block $done
      (loop $next
        (local.set $run (local.get $at))
        (local.set $at (call $ordinary (local.get $at) (local.get $to) (local.get $cr) (local.get $lf) (local.get $dot)))
        (if (i32.and (i32.ne (local.get $put) (i32.const 0)) (i32.gt_s (local.get $at) (local.get $run)))
          (then (local.set $put (call $copy (local.get $run) (local.get $at) (local.get $put)))))
        (br_if $done (i32.gt_s (i32.add (local.get $at) (i32.const 65)) (local.get $to)))
        (local.set $place (i32.sub (local.get $at) (i32.const 1)))
        (local.set $mask (call $mask (local.get $at) (local.get $lf)))
        (br_if $done (i64.ne (local.get $mask) (call $mask (local.get $place) (local.get $cr))))

        ;; Dots begin lines here: what is between them is put together.
        (local.set $mask
          (i64.and
            (call $mask (local.get $at) (local.get $dot))
            (i64.or
              (i64.shl (local.get $mask) (i64.const 1))
              (i64.extend_i32_u (i32.eq (i32.load8_u (local.get $place)) (i32.const 10))))))
        (local.set $kept (local.get $put))
        (if (i32.eqz (local.get $put)) (then (local.set $put (call $copy (local.get $from) (local.get $at) (i32.const 131072)))))
        (local.set $run (local.get $at))
        (loop $dot_by_dot
          (local.set $place (i32.add (local.get $at) (i32.wrap_i64 (i64.ctz (local.get $mask)))))
          (if (i32.and (i32.eq (local.get $dots) (i32.const 1)) (i32.le_u (i32.load8_u offset=1 (local.get $place)) (i32.const 13)))
            (then ;; CR or LF follows, or another control as rare
              (local.set $put (local.get $kept))
              (br $done)))
          (local.set $end (i32.sub (i32.add (local.get $place) (local.get $dots)) (i32.const 1))) ;; with the dot where it is doubled
          (local.set $to_put (local.get $put))
          (local.set $put (i32.add (local.get $put) (i32.sub (local.get $end) (local.get $run))))
          (loop $copy
            (v128.store (local.get $to_put) (v128.load (local.get $run)))
            (local.set $to_put (i32.add (local.get $to_put) (i32.const 16)))
            (local.set $run (i32.add (local.get $run) (i32.const 16)))
            (br_if $copy (i32.lt_u (local.get $to_put) (local.get $put))))
          (local.set $run (i32.sub (i32.add (local.get $place) (i32.const 2)) (local.get $dots))) ;; without it where it is dropped
          (local.set $mask (i64.and (local.get $mask) (i64.sub (local.get $mask) (i64.const 1))))
          (br_if $dot_by_dot (i64.ne (local.get $mask) (i64.const 0))))
        (local.set $end (i32.add (local.get $at) (i32.const 64)))
        (local.set $put (call $copy (local.get $run) (local.get $end) (local.get $put)))
        (v128.store (i32.const 16)
          (v128.or
            (v128.or (v128.load (i32.const 16)) (v128.or (v128.load (local.get $at)) (v128.load offset=16 (local.get $at))))
            (v128.or (v128.load offset=32 (local.get $at)) (v128.load offset=48 (local.get $at)))))
        (local.set $at (local.get $end))
        (br $next)))

    ;; A CR at the very end is left: LF may follow it, or not.
    (if (i32.and (i32.gt_s (local.get $at) (local.get $from)) (i32.eq (i32.load8_u (i32.sub (local.get $at) (i32.const 1))) (i32.const 13)))
      (then
        (local.set $at (i32.sub (local.get $at) (i32.const 1)))
        (local.set $put (i32.sub (local.get $put) (i32.ne (local.get $put) (i32.const 0))))))
    (call $measure (local.get $begin) (local.get $from) (local.get $at) (local.get $dots) (local.get $most) (local.get $lf))
    (i32.store (i32.const 0) (local.get $put))
    (i32.store (i32.const 12) (i8x16.bitmask (v128.load (i32.const 16))))
    (local.get $at)))
