// The maps that Mailman writes: read in both forms, read again when they are replaced, and not believed when they are something else.

import { chmodSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { knownFrom, PostfixMaps } from "../../../dist/servers/mailman/maps.js";
import { LISTS_MAP, mapsOf } from "../../maps.js";

const test = suite("maps");
const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
const files = { lmtp: join(folder, "postfix_lmtp"), domains: join(folder, "postfix_domains"), vmap: join(folder, "postfix_vmap") };

test.before.each(() => {
  for (const path of Object.values(files)) rmSync(path, { force: true, recursive: true });
});
test.after(() => rmSync(folder, { recursive: true }));

/** As Mailman does: beside it, then in its place. */
function replace(path: string, content: string): void {
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}

function write({ lmtp, domains, vmap }: ReturnType<typeof mapsOf>): void {
  replace(files.lmtp, lmtp);
  replace(files.domains, domains);
  if (vmap !== "") replace(files.vmap, vmap);
}

const LISTS = ["ant@example.test", "ant-owner@example.test", "a.b-c@example.test", "xyz@virt.test"];
const ALIASES = { "virt.test": "x-virt.test" };

for (const form of ["hash", "regex"] as const) {
  test(`${form}: the lists, under their own names, and the domains`, () => {
    const { lmtp, domains, vmap } = mapsOf(LISTS, { form, aliases: ALIASES });
    const known = knownFrom(lmtp, domains, vmap);
    for (const list of LISTS) assert.ok(known.has(list), list);
    for (const other of ["ant-request@example.test", "ant-owner-owner@example.test", "xyz@x-virt.test", "b@example.test", ""]) assert.not.ok(known.has(other), other);
    assert.equal([...known.hosts].sort(), [["example.test", "example.test"], ["virt.test", "virt.test"], ["x-virt.test", "virt.test"]]);
  });
}

test("an expression may touch its value, and holds characters that are none of an expression's", () => {
  const dots = "/^a\\.b\\.c\\.d-confirm(\\+.*)?@a\\.b\\.test$/a.b.c.d-confirm@v.test\n";
  const known = knownFrom("/^a{2}*b$@example\\.test$/  lmtp:[::1]:24\n", "/^example\\.test$/ example.test\n", `/^a\\.b\\.c\\.d@a\\.b\\.test$/a.b.c.d@v.test\n${dots}`);
  assert.ok(known.has("a{2}*b$@example.test"));
  assert.ok(known.has("a.b.c.d@a.b.test"));
});

test("no list at all is a map, too", () => {
  const { lmtp, domains } = mapsOf([], {});
  assert.equal([...knownFrom(lmtp, domains, "").hosts], []);
});

test("two domains with one alias: both have their own lists, the alias means the first", () => {
  const { lmtp, domains, vmap } = mapsOf(["l@one.test", "l@two.test"], { aliases: { "one.test": "alias.test", "two.test": "alias.test" } });
  const known = knownFrom(lmtp, domains, vmap);
  assert.ok(known.has("l@one.test") && known.has("l@two.test"));
  assert.not.ok(known.has("l@alias.test"));
  assert.is(known.hosts.get("alias.test"), "one.test");
});

const NO_MAPS: { readonly [what: string]: readonly [lmtp: string, domains: string] } = {
  "a key without a value": ["ant@example.test\n", ""],
  "more than a value": ["ant@example.test lmtp:[127.0.0.1]:8024 more\n", ""],
  "a key that is no address": ["ant lmtp:[127.0.0.1]:8024\n", ""],
  "an address without a domain": ["ant@ lmtp:[127.0.0.1]:8024\n", ""],
  "an address among those of another list": [LISTS_MAP.replace("ant-bounces", "bee-bounces"), ""],
  "an expression of another form": ["/^ant@example\\.test/  lmtp:[127.0.0.1]:8024\n", ""],
  "an expression with a backslash": ["/^a\\dt@example\\.test$/  lmtp:[127.0.0.1]:8024\n", ""],
  "an expression without an end": ["/^ant@example\\.test  lmtp:[127.0.0.1]:8024\n", ""],
  "a line of 1 MB": [`${"x".repeat(1_000_000)}\n`, ""],
  "a last line of 1 MB": [`# fine\n${"x".repeat(1_000_000)}`, ""],
  "domains that are none": ["", "example.test\n"],
  "JSON": ['{"ant": ["ant@example.test", 1, 2]}\n', ""],
};

for (const [what, [lmtp, domains]] of Object.entries(NO_MAPS)) {
  test(`cannot tell: ${what}`, () => {
    assert.throws(() => knownFrom(lmtp, domains, ""), (error: Error) => error.name === "CannotTell" && error.message.length < 200);
  });
}

test("read once, and again where it has changed", async () => {
  write(mapsOf(["ant@example.test"], {}));
  const maps = new PostfixMaps(files);
  const first = await maps.known();
  assert.is(await maps.known(), first);
  write(mapsOf(["ant@example.test", "bee@example.test"], {}));
  assert.ok((await maps.known()).has("bee@example.test"));
  write(mapsOf(["bee@example.test"], { aliases: { "example.test": "alias.test" } }));
  const last = await maps.known();
  assert.ok(last.has("bee@example.test") && !last.has("ant@example.test"));
  assert.is(last.hosts.get("alias.test"), "example.test");
});

test("many ask, one reads", async () => {
  write(mapsOf(["ant@example.test"], {}));
  const maps = new PostfixMaps(files);
  const all = await Promise.all(Array.from({ length: 50 }, () => maps.known()));
  assert.is(new Set(all).size, 1);
});

test("replaced all the time while it is asked: whole, or cannot tell", async () => {
  const lists = Array.from({ length: 300 }, (_, nth) => `list${nth}@example.test`);
  write(mapsOf(lists, {}));
  const maps = new PostfixMaps(files);
  let going = true;
  const asked = (async () => {
    for (let nth = 0; going || nth < 50; nth++) {
      const known = await maps.known().catch((error: Error) => (assert.match(error.message, /changes faster/), undefined));
      if (known !== undefined) assert.ok(known.has("list0@example.test") && known.has("list299@example.test"));
      if (nth > 10_000) break;
    }
  })();
  for (let nth = 0; nth < 100; nth++) {
    write(mapsOf([...lists, `new${nth}@example.test`], {}));
    await new Promise((resolve) => setImmediate(resolve));
  }
  going = false;
  await asked;
  assert.ok((await maps.known()).has("new99@example.test"));
});

async function refusal(maps: PostfixMaps): Promise<string> {
  return maps.known().then(() => "it can tell", (error: Error) => `${error.name}: ${error.message.replaceAll(folder, "")}`);
}

test("absent, a folder, too large: cannot tell; and it can again once it is there", async () => {
  const maps = new PostfixMaps(files);
  assert.is(await refusal(maps), "CannotTell: /postfix_lmtp cannot be read (ENOENT)");
  replace(files.lmtp, LISTS_MAP);
  assert.is(await refusal(maps), "CannotTell: /postfix_domains cannot be read (ENOENT)");
  replace(files.domains, "example.test example.test\n");
  assert.is(await refusal(maps), "it can tell");
  truncateSync(files.lmtp, 100_000_000);
  assert.match(await refusal(maps), /^CannotTell: \/postfix_lmtp is no map/);
  rmSync(files.lmtp);
  assert.match(await refusal(maps), /ENOENT/);
  const unreadable = new PostfixMaps({ ...files, lmtp: folder });
  assert.match(await refusal(unreadable), /is no map/);
});

if (process.getuid?.() !== 0) {
  test("not readable by us: cannot tell", async () => {
    write(mapsOf(["ant@example.test"], {}));
    chmodSync(files.lmtp, 0);
    assert.match(await refusal(new PostfixMaps(files)), /EACCES/);
  });
}

test.run();
