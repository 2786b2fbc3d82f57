// What the proxy needs of Mailman's own configuration: where its LMTP server and its REST API are, and the maps that it writes. The
// file is read as Mailman reads it: Python's RawConfigParser and, around it, lazr.config.

import { readFileSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { MapFiles } from "./maps.js";
import type { RestOptions } from "./rest.js";

export interface MailmanConfig {
  readonly lmtp: readonly [host: string, port: number];
  /** What is behind it in a local part does not tell one list from another. */
  readonly delimiter: string;
  /** Undefined where Mailman is not set up to write them, or it cannot be said where. */
  readonly maps: MapFiles | undefined;
  readonly rest: RestOptions;
}

/** By section and key; keys in lower case. */
type Ini = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** What Mailman 3 takes where its file says nothing. */
const DEFAULTS = `
[mailman]
layout: here
[paths.local]
var_dir: /var/tmp/mailman
[paths.dev]
var_dir: $cfg_file/../..
[paths.here]
var_dir: $cwd/var
[paths.fhs]
var_dir: /var/lib/mailman
[webservice]
hostname: localhost
port: 8001
use_https: no
api_version: 3.1
admin_user: restadmin
admin_pass: restpass
[mta]
incoming: mailman.mta.postfix.LMTP
lmtp_host: 127.0.0.1
lmtp_port: 8024
verp_delimiter: +
`;
const DEFAULT_DATA_DIR = "$var_dir/data";
/** The class of Mailman's that writes the maps. */
const MAP_WRITER = "mailman.mta.postfix.LMTP";

const MAX_FILE_OCTETS = 1_048_576;
/** Files that a file extends, and those that they extend. */
const MAX_EXTENDED = 10;
/** $var in the value of another $var, and so on. */
const MAX_SUBSTITUTIONS = 20;

/** Reads mailman.cfg. Throws Error with a message for the operator: the file and what is wrong with it, never a password. */
export function readMailmanConfig(path: string): MailmanConfig {
  const files = [parseIni(DEFAULTS, "the defaults"), ...withExtended(resolve(path))];
  const get = (section: string, key: string): string | undefined => files.map((file) => valueIn(file, section, key)).findLast((value) => value !== undefined);
  const wanted = (section: string, key: string): string => get(section, key) || fail(path, `[${section}] ${key} is empty`);
  const port = (section: string, key: string): number => {
    const text = wanted(section, key);
    return /^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 65_536 ? Number(text) : fail(path, `[${section}] ${key} is no port: ${text}`);
  };
  const data = dataFolder(resolve(path), get);
  const mapped = get("mta", "incoming") === MAP_WRITER && data !== undefined;
  return {
    lmtp: [wanted("mta", "lmtp_host"), port("mta", "lmtp_port")],
    delimiter: wanted("mta", "verp_delimiter"),
    maps: mapped ? { lmtp: `${data}/postfix_lmtp`, domains: `${data}/postfix_domains`, vmap: `${data}/postfix_vmap` } : undefined,
    rest: {
      https: isTrue(wanted("webservice", "use_https")),
      host: wanted("webservice", "hostname").replace(/^\[(.*)\]$/, "$1"),
      port: port("webservice", "port"),
      version: wanted("webservice", "api_version"),
      user: wanted("webservice", "admin_user"),
      password: get("webservice", "admin_pass")!,
    },
  };
}

/** A file and, in front of it, what it extends: "[meta] extends: base.cfg", seen from its own folder. */
function withExtended(path: string): Ini[] {
  const files: Ini[] = [];
  for (let at: string | undefined = path; at !== undefined; ) {
    if (files.length > MAX_EXTENDED) fail(path, `it extends more than ${MAX_EXTENDED} files`);
    const file: Ini = parseIni(contentOf(at), at);
    files.unshift(file);
    const extended: string | undefined = file.get("meta")?.get("extends");
    at = extended === undefined ? undefined : join(dirname(at), extended); // also where it begins with a slash
  }
  return files;
}

function contentOf(path: string): string {
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_OCTETS) fail(path, `it is longer than ${MAX_FILE_OCTETS} octets`);
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    fail(path, `it cannot be read (${code})${code === "EACCES" ? `: run as ${whoMayRead(path)}` : ""}`);
  }
}

/** Its group, if that may read it, else its owner; where not even that can be seen, that of its folder. */
function whoMayRead(path: string): string {
  try {
    const { uid, gid, mode } = statSync(path);
    return (mode & GROUP_READS) === 0 ? `the user ${nameIn("/etc/passwd", uid)}` : `a user of the group ${nameIn("/etc/group", gid)}`;
  } catch {
    return path === dirname(path) ? "its owner" : whoMayRead(dirname(path));
  }
}

const GROUP_READS = 0o040;

/** The name that belongs to a number; the number, where there is none. */
function nameIn(file: string, id: number): string {
  try {
    const line = readFileSync(file, "utf8").split("\n").find((each) => each.split(":")[2] === String(id));
    return line?.split(":", 1)[0] ?? String(id);
  } catch {
    return String(id);
  }
}

/** Where the maps are: $data_dir of the layout. Undefined where that hangs on the folder in which Mailman was started. */
function dataFolder(path: string, get: (section: string, key: string) => string | undefined): string | undefined {
  const layout = `paths.${get("mailman", "layout")}`;
  const value = (name: string): string | undefined => {
    if (name === "cfg_file") return path;
    if (name === "cwd" || name === "argv") return undefined;
    if (name === "var_dir") return process.env["MAILMAN_VAR_DIR"] ?? get(layout, name);
    return get(layout, name) ?? (name === "data_dir" ? DEFAULT_DATA_DIR : undefined);
  };
  let folder = "$data_dir";
  for (let times = 0; times < MAX_SUBSTITUTIONS && folder.includes("$"); times++) {
    folder = folder.replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced: string | undefined, bare: string) => value(braced ?? bare) ?? whole);
  }
  return folder.includes("$") || !isAbsolute(folder) ? undefined : resolve(folder);
}

/** RawConfigParser: the last of several values counts, and "[DEFAULT]" is for all sections. */
function valueIn(file: Ini, section: string, key: string): string | undefined {
  const found = file.get(section);
  return found && (found.get(key) ?? file.get("DEFAULT")?.get(key));
}

/** As lazr.config has it. */
function isTrue(text: string): boolean {
  return ["true", "yes", "1", "on", "enabled", "enable"].includes(text.toLowerCase());
}

/**
 * Sections, keys and values. "=" or ":" divides the two; a line that is indented further goes on with the value above; "#" and ";" begin a
 * comment where they begin a line, and nowhere else.
 */
export function parseIni(text: string, path: string): Ini {
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  let key: string | undefined;
  let indentation = 0;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const content = line.trim();
    if (content === "" || content.startsWith("#") || content.startsWith(";")) continue;
    const indented = line.search(/\S/);
    if (indented > indentation && section !== undefined && key !== undefined) {
      section.set(key, `${section.get(key)}\n${content}`);
      continue;
    }
    indentation = indented;
    const [, name] = /^\[(.+)\]/.exec(content) ?? [];
    if (name !== undefined) {
      section = sections.get(name) ?? new Map<string, string>();
      sections.set(name, section);
      key = undefined;
      continue;
    }
    const divider = content.search(/[=:]/);
    if (section === undefined || divider < 1) fail(path, `line ${index + 1} is neither a section nor a value`);
    key = content.slice(0, divider).trim().toLowerCase();
    section.set(key, content.slice(divider + 1).trim());
  }
  return sections;
}

function fail(path: string, why: string): never {
  throw new Error(`${path}: ${why}`);
}
