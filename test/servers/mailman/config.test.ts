// mailman.cfg, read as Mailman reads it.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseIni, readMailmanConfig, type MailmanConfig } from "../../../dist/servers/mailman/config.js";

const test = suite("mailman.cfg");
const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
const cfg = join(folder, "mailman.cfg");
const NOBODY = 65_534;

test.after(() => rmSync(folder, { recursive: true }));
test.before.each(() => rmSync(cfg, { force: true, recursive: true }));

function read(text: string): MailmanConfig {
  writeFileSync(cfg, text);
  return readMailmanConfig(cfg);
}

function refusal(text: string): string {
  try {
    return JSON.stringify(read(text));
  } catch (error) {
    return (error as Error).message.replaceAll(folder, "");
  }
}

test("nothing said: what Mailman takes then; where it was started is not ours to know, and so no maps", () => {
  assert.equal(read(""), {
    lmtp: ["127.0.0.1", 8024],
    delimiter: "+",
    maps: undefined,
    rest: { https: false, host: "localhost", port: 8001, version: "3.1", user: "restadmin", password: "restpass" },
  });
});

test("as Debian ships it", () => {
  const { lmtp, maps, rest } = read(`
[mailman]
site_owner: changeme@example.com
layout: debian
listname_chars: [-_.0-9a-z]
[paths.debian]
var_dir: /var/lib/mailman3
queue_dir: $var_dir/queue
data_dir: $var_dir/data
lock_file: $lock_dir/master.lck
[database]
class: mailman.database.sqlite.SQLiteDatabase
url: sqlite:///$DATA_DIR/mailman.db
[logging.debian]
format: %(asctime)s (%(process)d) %(message)s
[webservice]
hostname: localhost
port: 8001
use_https: no
api_version: 3.1
admin_user: restadmin
admin_pass: p+Br;H#y/Fos=5:Q
[mta]
incoming: mailman.mta.postfix.LMTP
lmtp_host: 127.0.0.1
lmtp_port: 8024
configuration: python:mailman.config.postfix
`);
  assert.equal(lmtp, ["127.0.0.1", 8024]);
  assert.equal(maps, { lmtp: "/var/lib/mailman3/data/postfix_lmtp", domains: "/var/lib/mailman3/data/postfix_domains", vmap: "/var/lib/mailman3/data/postfix_vmap" });
  assert.is(rest.password, "p+Br;H#y/Fos=5:Q");
});

test("the dialect: both dividers, case, comments, lines that go on, sections twice", () => {
  const ini = parseIni("[mta]\n# a comment\n ; another\nLMTP_Host = one\nlmtp_port: 24 # nine\n[other] # text\nkey:\n   value\n # comment\n\n   more\n  [mta]\n[mta]\r\nlmtp_host : two\r\n", "x");
  assert.equal([...ini.get("mta")!], [["lmtp_host", "two"], ["lmtp_port", "24 # nine"]]);
  assert.is(ini.get("other")!.get("key"), "\nvalue\nmore\n[mta]");
});

test("values that are indented alike are values of their own", () => {
  const ini = parseIni("  [mta]\n  lmtp_host: one\n  lmtp_port: 24\n", "x");
  assert.equal([...ini.get("mta")!], [["lmtp_host", "one"], ["lmtp_port", "24"]]);
});

test("[DEFAULT] is for the sections that are there", () => {
  assert.is(read("[DEFAULT]\nlmtp_port: 24\n[mta]\nlmtp_host: a\n").lmtp[1], 24);
  assert.is(read("[DEFAULT]\nlmtp_port: 24\n").lmtp[1], 8024);
});

test("extends: the base first, from the folder of the file that names it, even with a slash in front", () => {
  mkdirSync(join(folder, "base"), { recursive: true });
  writeFileSync(join(folder, "base", "one.cfg"), "[meta]\nextends: two.cfg\n[mta]\nlmtp_host: one\n");
  writeFileSync(join(folder, "base", "two.cfg"), "[mta]\nlmtp_host: two\nlmtp_port: 2424\n");
  assert.equal(read("[meta]\nextends: base/one.cfg\n[webservice]\nport: 9001\n").lmtp, ["one", 2424]);
  assert.equal(read("[meta]\nextends: /base/one.cfg\n").lmtp, ["one", 2424]);
  assert.is(refusal("[meta]\nextends: mailman.cfg\n"), "/mailman.cfg: it extends more than 10 files");
  assert.is(refusal("[meta]\nextends: base/gone.cfg\n"), "/base/gone.cfg: it cannot be read (ENOENT)");
});

test("paths: layouts, variables within variables", () => {
  const data = (text: string): string | undefined => read(text).maps?.lmtp;
  assert.is(data("[mailman]\nlayout: fhs\n"), "/var/lib/mailman/data/postfix_lmtp");
  assert.is(data("[mailman]\nlayout: local\n"), "/var/tmp/mailman/data/postfix_lmtp");
  assert.is(data("[mailman]\nlayout: dev\n"), join(folder, "..", "data", "postfix_lmtp"));
  assert.is(data("[mailman]\nlayout: mine\n[paths.mine]\nvar_dir: ${etc_dir}/var\netc_dir: /etc/mine\n"), "/etc/mine/var/data/postfix_lmtp");
  assert.is(data("[mailman]\nlayout: mine\n[paths.mine]\nvar_dir: $data_dir\ndata_dir: $var_dir\n"), undefined);
  assert.is(data("[mailman]\nlayout: mine\n[paths.mine]\nvar_dir: relative\n"), undefined);
  assert.is(data("[mailman]\nlayout: mine\n[paths.mine]\nvar_dir: $VAR_DIR/x\n"), undefined);
  assert.is(data("[mailman]\nlayout: nowhere\n"), undefined);
});

test("the environment that Mailman may have, too", () => {
  process.env["MAILMAN_VAR_DIR"] = "/somewhere";
  try {
    assert.is(read("[mailman]\nlayout: fhs\n").maps?.domains, "/somewhere/data/postfix_domains");
  } finally {
    delete process.env["MAILMAN_VAR_DIR"];
  }
});

test("no maps where Mailman is set up for another server", () => {
  assert.is(read("[mailman]\nlayout: fhs\n[mta]\nincoming: mailman.mta.exim4.LMTP\n").maps, undefined);
});

test("an IPv6 address, HTTPS", () => {
  const { host, https } = read("[webservice]\nhostname: [::1]\nuse_https: Yes\n").rest;
  assert.equal([host, https], ["::1", true]);
});

test("what cannot be meant is refused, with the file and the line", () => {
  assert.is(refusal("[mta]\nlmtp_port: smtp\n"), "/mailman.cfg: [mta] lmtp_port is no port: smtp");
  assert.is(refusal("[webservice]\nport: 65536\n"), "/mailman.cfg: [webservice] port is no port: 65536");
  assert.is(refusal("[mta]\nverp_delimiter:\n"), "/mailman.cfg: [mta] verp_delimiter is empty");
  assert.is(refusal("[mta]\n\nwhat is this\n"), "/mailman.cfg: line 3 is neither a section nor a value");
  assert.is(refusal("key: value\n"), "/mailman.cfg: line 1 is neither a section nor a value");
  assert.is(refusal("[mta]\n: value\n"), "/mailman.cfg: line 2 is neither a section nor a value");
});

test("a file that is not there, a folder, one that is far too long", () => {
  assert.throws(() => readMailmanConfig(join(folder, "gone.cfg")), /gone\.cfg: it cannot be read \(ENOENT\)$/);
  assert.throws(() => readMailmanConfig(folder), /it cannot be read \(EISDIR\)$/);
  writeFileSync(cfg, "");
  truncateSync(cfg, 2_000_000);
  assert.throws(() => readMailmanConfig(cfg), /it is longer than 1048576 octets$/);
});

/** Reads it as nobody, who has given up all else before. */
const AS_NOBODY = `
  const { readMailmanConfig } = await import(process.argv[1]);
  process.setgroups([]);
  process.setgid(${NOBODY});
  process.setuid(${NOBODY});
  try {
    readMailmanConfig(process.argv[2]);
  } catch ({ message }) {
    console.log(message);
  }
`;

test("a file that only others may read: the group to join is named", () => {
  if (process.getuid?.() !== 0) return;
  const { href } = new URL("../../../dist/servers/mailman/config.js", import.meta.url);
  const said = (): string => execFileSync(process.execPath, ["--input-type=module", "-e", AS_NOBODY, href, cfg], { encoding: "utf8", timeout: 10_000, env: { PATH: process.env["PATH"] } }); // nobody has no place to write coverage to
  writeFileSync(cfg, "");
  chmodSync(folder, 0o755);
  chmodSync(cfg, 0o640);
  assert.match(said(), /mailman\.cfg: it cannot be read \(EACCES\): run as a user of the group root\n$/);
  chmodSync(cfg, 0o600);
  assert.match(said(), /mailman\.cfg: it cannot be read \(EACCES\): run as the user root\n$/);
  chmodSync(folder, 0o750);
  assert.match(said(), /mailman\.cfg: it cannot be read \(EACCES\): run as a user of the group root\n$/);
});

test.run();
