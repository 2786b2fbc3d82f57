;; Passes over ordinary lines of mail data, a block of 64 octets at a time: what lines.ts does in TypeScript, and says why.
;; kernel.ts has this, assembled: test/interop/kernel.test.ts compares. CR is 13, LF 10, a dot 46.
(module
  ;; Four words that are told; octets from 64 on, with one in front of them; from 32768 on what is put together.
  (memory (export "memory") 1)

  ;; A bit for each octet of the block at $at that is $octet, where the block that is $there has $other.
  (func $mask (param $at i32) (param $octet v128) (param $there i32) (param $other v128) (result i64)
    (i64.or
      (i64.or
        (i64.extend_i32_u (i8x16.bitmask (v128.and (i8x16.eq (v128.load (local.get $at)) (local.get $octet)) (i8x16.eq (v128.load (local.get $there)) (local.get $other)))))
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (v128.and (i8x16.eq (v128.load offset=16 (local.get $at)) (local.get $octet)) (i8x16.eq (v128.load offset=16 (local.get $there)) (local.get $other))))) (i64.const 16)))
      (i64.or
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (v128.and (i8x16.eq (v128.load offset=32 (local.get $at)) (local.get $octet)) (i8x16.eq (v128.load offset=32 (local.get $there)) (local.get $other))))) (i64.const 32))
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (v128.and (i8x16.eq (v128.load offset=48 (local.get $at)) (local.get $octet)) (i8x16.eq (v128.load offset=48 (local.get $there)) (local.get $other))))) (i64.const 48)))))

  ;; Where the last line before $at begins. No LF stands between the 64 octets from $begin on and $at, nor in front of $from.
  (func $behind_last (param $begin i32) (param $from i32) (param $at i32) (result i32)
    (local $least i32) (local $place i32)
    (local.set $least (select (local.get $begin) (local.get $from) (i32.gt_s (local.get $begin) (local.get $from))))
    (local.set $place (i32.add (local.get $begin) (i32.const 64)))
    (local.set $place (select (local.get $place) (local.get $at) (i32.lt_s (local.get $place) (local.get $at))))
    (block $none
      (loop $back
        (br_if $none (i32.le_s (local.get $place) (local.get $least)))
        (if (i32.eq (i32.load8_u (i32.sub (local.get $place) (i32.const 1))) (i32.const 10)) (then (return (local.get $place))))
        (local.set $place (i32.sub (local.get $place) (i32.const 1)))
        (br $back)))
    (local.get $begin))

  ;; 1 where a dot was dropped from the beginning of this line, and does not count.
  (func $undotted (param $begin i32) (param $from i32) (param $dots i32) (result i32)
    (if (i32.or (i32.ne (local.get $dots) (i32.const 1)) (i32.lt_s (local.get $begin) (local.get $from))) (then (return (i32.const 0))))
    (i32.and
      (i32.eq (i32.load8_u (i32.sub (local.get $begin) (i32.const 1))) (i32.const 10))
      (i32.eq (i32.load8_u (local.get $begin)) (i32.const 46))))

  ;; Passes from $from on, and gives to where. Dots that begin lines are kept (0), dropped (1) or doubled (2). The line that is being
  ;; read began at $begin; what is longer than $most is counted. The octet in front of $from is LF where a line begins.
  (func (export "pass") (param $from i32) (param $to i32) (param $dots i32) (param $begin i32) (param $most i32) (result i32)
    (local $at i32) (local $put i32) (local $long i32) (local $before i32) (local $run i32) (local $place i32) (local $end i32) (local $kept i32)
    (local $mask i64) (local $bits v128) (local $cr v128) (local $lf v128) (local $dot v128)
    (local $octets v128) (local $earlier v128) (local $ends v128) (local $odd v128) (local $dotted v128) (local $all v128) (local $lines v128)
    (local.set $cr (i8x16.splat (i32.const 13)))
    (local.set $lf (i8x16.splat (i32.const 10)))
    (local.set $dot (i8x16.splat (select (i32.const 46) (i32.const 10) (local.get $dots)))) ;; LF behind LF is odd anyway
    (local.set $at (local.get $from))
    (block $done
      (loop $next
        (br_if $done (i32.gt_s (i32.add (local.get $at) (i32.const 65)) (local.get $to))) ;; a dot in the last octet has one behind it
        (local.set $before (i32.sub (local.get $at) (i32.const 1)))
        ;; Four times: LF behind something else than CR, or CR in front of something else than LF; dots behind LF; all octets; LF.
        (local.set $octets (v128.load (local.get $at)))
        (local.set $earlier (v128.load (local.get $before)))
        (local.set $ends (i8x16.eq (local.get $octets) (local.get $lf)))
        (local.set $odd (v128.xor (local.get $ends) (i8x16.eq (local.get $earlier) (local.get $cr))))
        (local.set $dotted (v128.and (i8x16.eq (local.get $earlier) (local.get $lf)) (i8x16.eq (local.get $octets) (local.get $dot))))
        (local.set $all (local.get $octets))
        (local.set $lines (local.get $ends))
        (local.set $octets (v128.load offset=16 (local.get $at)))
        (local.set $earlier (v128.load offset=16 (local.get $before)))
        (local.set $ends (i8x16.eq (local.get $octets) (local.get $lf)))
        (local.set $odd (v128.or (local.get $odd) (v128.xor (local.get $ends) (i8x16.eq (local.get $earlier) (local.get $cr)))))
        (local.set $dotted
          (v128.or (local.get $dotted) (v128.and (i8x16.eq (local.get $earlier) (local.get $lf)) (i8x16.eq (local.get $octets) (local.get $dot)))))
        (local.set $all (v128.or (local.get $all) (local.get $octets)))
        (local.set $lines (v128.or (local.get $lines) (local.get $ends)))
        (local.set $octets (v128.load offset=32 (local.get $at)))
        (local.set $earlier (v128.load offset=32 (local.get $before)))
        (local.set $ends (i8x16.eq (local.get $octets) (local.get $lf)))
        (local.set $odd (v128.or (local.get $odd) (v128.xor (local.get $ends) (i8x16.eq (local.get $earlier) (local.get $cr)))))
        (local.set $dotted
          (v128.or (local.get $dotted) (v128.and (i8x16.eq (local.get $earlier) (local.get $lf)) (i8x16.eq (local.get $octets) (local.get $dot)))))
        (local.set $all (v128.or (local.get $all) (local.get $octets)))
        (local.set $lines (v128.or (local.get $lines) (local.get $ends)))
        (local.set $octets (v128.load offset=48 (local.get $at)))
        (local.set $earlier (v128.load offset=48 (local.get $before)))
        (local.set $ends (i8x16.eq (local.get $octets) (local.get $lf)))
        (local.set $odd (v128.or (local.get $odd) (v128.xor (local.get $ends) (i8x16.eq (local.get $earlier) (local.get $cr)))))
        (local.set $dotted
          (v128.or (local.get $dotted) (v128.and (i8x16.eq (local.get $earlier) (local.get $lf)) (i8x16.eq (local.get $octets) (local.get $dot)))))
        (local.set $all (v128.or (local.get $all) (local.get $octets)))
        (local.set $lines (v128.or (local.get $lines) (local.get $ends)))

        (if (v128.any_true (v128.or (local.get $odd) (local.get $dotted)))
          (then
            (br_if $done (v128.any_true (local.get $odd)))
            (local.set $kept (local.get $put))
            (if (i32.eqz (local.get $put))
              (then
                (local.set $put (i32.add (i32.const 32768) (i32.sub (local.get $at) (local.get $from))))
                (memory.copy (i32.const 32768) (local.get $from) (i32.sub (local.get $at) (local.get $from)))))
            ;; Runs between the dots: [run, end). What is stored too much is overwritten.
            (local.set $mask (call $mask (local.get $at) (local.get $dot) (local.get $before) (local.get $lf)))
            (local.set $run (local.get $at))
            (loop $dot_by_dot
              (local.set $place (i32.add (local.get $at) (i32.wrap_i64 (i64.ctz (local.get $mask)))))
              (if (i32.and (i32.eq (local.get $dots) (i32.const 1)) (i32.le_u (i32.load8_u offset=1 (local.get $place)) (i32.const 13)))
                (then ;; CR or LF follows, or another control as rare
                  (local.set $put (local.get $kept))
                  (br $done)))
              (local.set $end (i32.sub (i32.add (local.get $place) (local.get $dots)) (i32.const 1))) ;; with the dot where it is doubled
              (local.set $before (local.get $put))
              (local.set $put (i32.add (local.get $put) (i32.sub (local.get $end) (local.get $run))))
              (loop $copy
                (v128.store (local.get $before) (v128.load (local.get $run)))
                (local.set $before (i32.add (local.get $before) (i32.const 16)))
                (local.set $run (i32.add (local.get $run) (i32.const 16)))
                (br_if $copy (i32.lt_u (local.get $before) (local.get $put))))
              (local.set $run (i32.sub (i32.add (local.get $place) (i32.const 2)) (local.get $dots))) ;; without it where it is dropped
              (local.set $mask (i64.and (local.get $mask) (i64.sub (local.get $mask) (i64.const 1))))
              (br_if $dot_by_dot (i64.ne (local.get $mask) (i64.const 0)))))
          (else
            (local.set $run (local.get $at))))
        (if (local.get $put)
          (then
            (v128.store (local.get $put) (v128.load (local.get $run)))
            (v128.store offset=16 (local.get $put) (v128.load offset=16 (local.get $run)))
            (v128.store offset=32 (local.get $put) (v128.load offset=32 (local.get $run)))
            (v128.store offset=48 (local.get $put) (v128.load offset=48 (local.get $run)))
            (local.set $put (i32.add (local.get $put) (i32.sub (i32.add (local.get $at) (i32.const 64)) (local.get $run))))))

        (local.set $bits (v128.or (local.get $bits) (local.get $all)))
        (if (v128.any_true (local.get $lines))
          (then
            (if (i32.gt_s (i32.sub (i32.add (local.get $at) (i32.const 64)) (local.get $begin)) (local.get $most))
              (then
                (local.set $begin (call $behind_last (local.get $begin) (local.get $from) (local.get $at)))
                (local.set $mask (call $mask (local.get $at) (local.get $lf) (local.get $at) (local.get $lf)))
                (loop $line_by_line
                  (local.set $place (i32.add (i32.add (local.get $at) (i32.const 1)) (i32.wrap_i64 (i64.ctz (local.get $mask)))))
                  (local.set $begin (i32.add (local.get $begin) (call $undotted (local.get $begin) (local.get $from) (local.get $dots))))
                  (local.set $long
                    (i32.add (local.get $long) (i32.gt_s (i32.sub (local.get $place) (local.get $begin)) (local.get $most))))
                  (local.set $begin (local.get $place))
                  (local.set $mask (i64.and (local.get $mask) (i64.sub (local.get $mask) (i64.const 1))))
                  (br_if $line_by_line (i64.ne (local.get $mask) (i64.const 0)))))
              (else
                (local.set $begin (local.get $at)))))) ;; somewhere in this block, which is near enough until lines are long
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br $next)))

    (local.set $begin (call $behind_last (local.get $begin) (local.get $from) (local.get $at)))
    ;; A CR at the very end is left: LF may follow it, or not.
    (if (i32.and (i32.gt_s (local.get $at) (local.get $from)) (i32.eq (i32.load8_u (i32.sub (local.get $at) (i32.const 1))) (i32.const 13)))
      (then
        (local.set $at (i32.sub (local.get $at) (i32.const 1)))
        (local.set $put (i32.sub (local.get $put) (i32.ne (local.get $put) (i32.const 0))))))
    (if (i32.lt_s (local.get $begin) (local.get $at))
      (then (local.set $begin (i32.add (local.get $begin) (call $undotted (local.get $begin) (local.get $from) (local.get $dots))))))
    (i32.store (i32.const 0) (local.get $put))
    (i32.store (i32.const 4) (local.get $begin))
    (i32.store (i32.const 8) (local.get $long))
    (i32.store (i32.const 12) (i8x16.bitmask (local.get $bits)))
    (local.get $at)))
