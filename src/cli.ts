#!/usr/bin/env node
// The command: what `python -m smtpd` was.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { Dialogue } from "./dialogue.js";
import type { Address, Certificate, DebuggingServerOptions, FormatName, MailmanProxyOptions, NextHop, PureProxyOptions } from "./index.js";
import { BINARYMIME, CHUNKING, DELIVER_BY, DSN, EXPN, LENIENCIES, LINE_ENDINGS, NO_SOLICITING, PRESETS, RRVS, type Extension, type Leniency, type Preset } from "./protocol/index.js";
import { FORMATS } from "./servers/formats.js";
import { SMTPServer } from "./servers/smtp-server.js";
import { written } from "./transport/address.js";
import { START_TLS } from "./transport/tls.js";
import { visible } from "./transport/visible.js";

const USAGE = `Usage: smtpd [-n] [-V] [-c CLASS] [-s LIMIT] [-u] [-d] [-h] [localhost:localport [remotehost:remoteport]]

    -n, --nosetuid        Stay the user that started it; otherwise root becomes "nobody".
    -V, --version         Print the version and exit.
    -c, --class CLASS     DebuggingServer, MailmanProxy, SMTPServer, or a class of yours: ./my-server.js for its default export,
                          ./my-server.js:Name for a named one. Default: PureProxy.
    -s, --size LIMIT      The largest message taken, in octets; 0 for no limit. Default: 33554432.
    -u, --smtputf8        Offer SMTPUTF8.
    -d, --debug           Print the dialogue on standard error.
    -h, --help            Print this and exit.
        --format FORMAT   How DebuggingServer prints: text, python or json. Default: text.
        --line-endings P  A bare CR or LF is refused, made CRLF, or passed on: refuse, normalise or pass. Default: refuse.
        --leniencies LIST What is taken although RFC 5321 has it otherwise: strict, interoperable or smtpd, and single names, with
                          commas between them. Default: interoperable.
        --exit-after N    End when N messages have been accepted.
        --tls-cert FILE   A certificate, in PEM, with those that vouch for it: STARTTLS is offered. SIGHUP reads it again.
        --tls-key FILE    Its key.
        --tls             TLS from the first octet on.
        --tls-required    Take nothing before TLS.
        --xclient CIDR    A network whose hosts may say, with XCLIENT, that they are somebody else. May be repeated.
        --xforward CIDR   A network whose hosts may tell, with XFORWARD, where a message came from. May be repeated.
        --lmtp            Speak LMTP in the place of SMTP.
        --proxy-protocol CIDR
                          A network of proxies: all connections come from there, and begin with the header of the
                          PROXY protocol. May be repeated.
        --extension NAME  Offer an extension that is not offered by default: CHUNKING, DSN and others. May be repeated.

PureProxy and MailmanProxy:
        --allow CIDR               A network whose clients may relay, besides this host. May be repeated.
        --relay-domain DOMAIN      A domain that anybody may send to; .DOMAIN for all below it. May be repeated.
        --x-peer                   Put the client's address in front of each message, as X-Peer.
        --xforward-upstream        Tell upstream, with XFORWARD where it is offered, where each message came from.
        --starttls-upstream MODE   if-offered, required or never. Default: if-offered, but never to this host.
        --tls-upstream             TLS from the first octet on.
        --proxy-protocol-upstream V
                                   Tell upstream who the client is, by the PROXY protocol, in version 1 or 2.
        --upstream-ca FILE         Certificates to trust, in PEM. Default: the system's.
        --upstream-user USER       Log in upstream, with the password in the environment variable SMTPD_UPSTREAM_PASSWORD,
        --upstream-password-file F or with the first line of this file.

MailmanProxy:
        --mailman-cfg FILE         Mailman's configuration. Default: /etc/mailman3/mailman.cfg.
        --mailman-mixed MODE       A message for lists and people is taken whole, or one kind is deferred: together or defer.
                                   Default: together.
        --mailman-classic          Tell lists by the rule of Python's MailmanProxy: no domain, one dash at the most.

localhost:localport is where to listen, by default localhost:8025; also [::1]:8025, :8025 for all of IPv4, port 0 for
any that is free, unix:/path for a unix socket. remotehost:remoteport is where a proxy sends to, by default localhost:25;
also mx:DOMAIN for the mail exchangers of a domain, and several, with commas between them, to be tried in order.`;

const OPTIONS = {
  nosetuid: { type: "boolean", short: "n" },
  version: { type: "boolean", short: "V" },
  class: { type: "string", short: "c", default: "PureProxy" },
  size: { type: "string", short: "s" },
  smtputf8: { type: "boolean", short: "u" },
  debug: { type: "boolean", short: "d" },
  help: { type: "boolean", short: "h" },
  format: { type: "string", default: "text" },
  "line-endings": { type: "string", default: "refuse" },
  leniencies: { type: "string", default: "interoperable" },
  "exit-after": { type: "string" },
  "tls-cert": { type: "string" },
  "tls-key": { type: "string" },
  tls: { type: "boolean" },
  "tls-required": { type: "boolean" },
  xclient: { type: "string", multiple: true },
  xforward: { type: "string", multiple: true },
  lmtp: { type: "boolean" },
  "proxy-protocol": { type: "string", multiple: true },
  extension: { type: "string", multiple: true },
  allow: { type: "string", multiple: true },
  "relay-domain": { type: "string", multiple: true },
  "x-peer": { type: "boolean" },
  "xforward-upstream": { type: "boolean" },
  "starttls-upstream": { type: "string" },
  "tls-upstream": { type: "boolean" },
  "proxy-protocol-upstream": { type: "string" },
  "upstream-ca": { type: "string" },
  "upstream-user": { type: "string" },
  "upstream-password-file": { type: "string" },
  "mailman-cfg": { type: "string" },
  "mailman-mixed": { type: "string" },
  "mailman-classic": { type: "boolean" },
} as const;

/** What a class of the user's has to be. */
type ServerClass = new (localaddr: Address, remoteaddr: readonly NextHop[], options: DebuggingServerOptions & MailmanProxyOptions) => SMTPServer;

/** Each is loaded when it is asked for: a server that only listens starts without the way upstream, and without TLS. */
const CLASSES: { readonly [name: string]: () => Promise<ServerClass> } = {
  SMTPServer: async () => SMTPServer,
  DebuggingServer: async () => (await import("./servers/debugging-server.js")).DebuggingServer,
  PureProxy: async () => (await import("./servers/pure-proxy.js")).PureProxy,
  MailmanProxy: async () => (await import("./servers/mailman-proxy.js")).MailmanProxy,
};
/** What can be offered on request without an application that acts on it; a proxy offers what its next hop does, too. */
const EXTENSIONS: { readonly [keyword: string]: Extension } = Object.fromEntries([BINARYMIME, CHUNKING, DELIVER_BY, DSN, EXPN, NO_SOLICITING, RRVS].map((each) => [each.keyword, each]));
const LENIENT = Object.keys({ ...PRESETS, ...LENIENCIES }) as (Preset | Leniency)[];
const MIXED = ["together", "defer"] as const satisfies readonly MailmanProxyOptions["mixed"][];

/** The command line is wrong: its message goes out with the usage, or without. */
class Refused extends Error {
  readonly usage: boolean;

  constructor(message: string, usage = true) {
    super(message);
    this.usage = usage;
  }
}

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parse(args);
  if (values.help === true) return void process.stdout.write(`${USAGE}\n`);
  if (values.version === true) return void process.stdout.write(`smtpd ${version()}\n`);
  if (positionals.length > 2) throw new Refused(`Invalid arguments: ${positionals.join(", ")}`);
  const size = values.size === undefined ? undefined : number(values.size, "Invalid size");
  const exitAfter = values["exit-after"] === undefined ? Infinity : number(values["exit-after"], "Invalid number of messages", 1);
  const [localSpec = "localhost:8025", remoteSpec = "localhost:25"] = positionals;
  const local = address(localSpec, "local");
  const remote = remoteSpec.split(",").map(nextHop);
  const format = oneOf(values.format, Object.keys(FORMATS) as FormatName[], "Invalid format");
  const lineEndings = oneOf(values["line-endings"], LINE_ENDINGS, "Invalid line endings");
  const leniencies = values.leniencies.split(",").map((name) => oneOf(name, LENIENT, "Invalid leniency"));
  const certificate = certificateOf(values);
  const Server = await serverClass(values.class);

  const dialogue = values.debug === true ? new Dialogue(printDialogue) : undefined;

  let accepted = 0;
  const server = make(Server, local, remote, {
    ...(size !== undefined && { dataSizeLimit: size }),
    enableSMTPUTF8: values.smtputf8 === true,
    format,
    lineEndings,
    leniencies,
    ...(certificate !== undefined && { certificate }),
    implicitTls: values.tls === true,
    requireTls: values["tls-required"] === true,
    xclient: values.xclient ?? [],
    xforward: values.xforward ?? [],
    lmtp: values.lmtp === true,
    ...(values["proxy-protocol"] !== undefined && { proxyProtocol: values["proxy-protocol"] }),
    extensions: (values.extension ?? []).map((name) => EXTENSIONS[oneOf(name.toUpperCase(), Object.keys(EXTENSIONS), "Invalid extension")]!),
    trace: dialogue && ((peer, from, octets) => dialogue.take(peer, `${peer.address}:${peer.port}`, from, octets)),
    allow: values.allow ?? [],
    relayDomains: values["relay-domain"] ?? [],
    xPeer: values["x-peer"] === true,
    ...mailmanOptions(values),
    upstream: {
      ...upstreamOptions(values),
      trace: dialogue && ((target, from, octets) => dialogue.take(target, `upstream ${written(target.address)}`, from, octets)),
    },
    accepted: () => {
      accepted += 1;
      if (accepted === exitAfter) void stop(server);
    },
  });
  const addresses = await listening(server, localSpec);
  if (values.nosetuid !== true) becomeNobody();
  process.stderr.write(`smtpd: ${Server.name} listening on ${addresses.map(written).join(" and ")}\n`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop(server));
  if (certificate !== undefined) process.on("SIGHUP", () => void showAgain(server, values));
}

/** Ends when the sessions have; what standard output has not taken by then was not acknowledged either, and is not waited for. */
async function stop(server: SMTPServer): Promise<void> {
  await server.close();
  process.exit(process.stdout.writableLength > 0 ? 1 : 0);
}

function certificateOf({ "tls-cert": cert, "tls-key": key, tls, "tls-required": required }: Values): Certificate | undefined {
  if ((cert === undefined) !== (key === undefined)) throw new Refused("--tls-cert and --tls-key go together", false);
  if (cert === undefined && (tls === true || required === true)) throw new Refused("TLS needs a certificate: --tls-cert and --tls-key", false);
  return cert === undefined ? undefined : { cert: contentOf(cert), key: contentOf(key!) };
}

/** What cannot be read, or is no certificate, leaves the old one in its place. */
async function showAgain(server: SMTPServer, values: Values): Promise<void> {
  try {
    await server.show(certificateOf(values)!);
    process.stderr.write("smtpd: the certificate was read again\n");
  } catch (error) {
    process.stderr.write(visible(`smtpd: the certificate stays as it was: ${(error as Error).message}`) + "\n");
  }
}

/** Nobody reads standard error: the dialogue is not kept for him without end. */
const BACKLOG_OCTETS = 1_000_000;

function printDialogue(line: string): void {
  if (process.stderr.writableLength < BACKLOG_OCTETS) process.stderr.write(`${line}\n`);
}

function parse(args: readonly string[]): ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>> {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new Refused((error as Error).message);
  }
}

function version(): string {
  return (JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }).version;
}

function number(text: string, what: string, least = 0): number {
  if (!/^\d{1,15}$/.test(text) || Number(text) < least) throw new Refused(`${what}: ${text}`, false);
  return Number(text);
}

function oneOf<T extends string>(text: string, choices: readonly T[], what: string): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw new Refused(`${what}: ${text}; it is one of ${choices.join(", ")}`);
  return found;
}

type Values = ReturnType<typeof parse>["values"];

/** What is said of the next hop. A password never stands on the command line, which all users of a host can read. */
function upstreamOptions(values: Values): NonNullable<PureProxyOptions["upstream"]> {
  const { "starttls-upstream": starttls, "proxy-protocol-upstream": proxyProtocol, "upstream-ca": ca, "upstream-user": user } = values;
  return {
    ...(starttls !== undefined && { starttls: oneOf(starttls, START_TLS, "Invalid --starttls-upstream") }),
    xforward: values["xforward-upstream"] === true,
    implicitTls: values["tls-upstream"] === true,
    ...(proxyProtocol !== undefined && { proxyProtocol: oneOf(proxyProtocol, ["1", "2"], "Invalid --proxy-protocol-upstream") === "1" ? 1 : 2 }),
    tls: ca === undefined ? {} : { ca: contentOf(ca) },
    ...(user !== undefined && { auth: { user, password: password(values["upstream-password-file"]) } }),
  };
}

function mailmanOptions(values: Values): Pick<MailmanProxyOptions, "mailmanCfg" | "mixed" | "classic"> {
  const { class: name, "mailman-cfg": mailmanCfg, "mailman-mixed": mixed, "mailman-classic": classic } = values;
  const known = name.replace(/^smtpd\./, "");
  if (Object.hasOwn(CLASSES, known) && known !== "MailmanProxy" && (mailmanCfg ?? mixed ?? classic) !== undefined) throw new Refused(`The options of Mailman are for MailmanProxy: -c MailmanProxy`);
  return {
    ...(mailmanCfg !== undefined && { mailmanCfg }),
    ...(mixed !== undefined && { mixed: oneOf(mixed, MIXED, "Invalid --mailman-mixed") }),
    classic: classic === true,
  };
}

function password(file: string | undefined): string {
  const given = file === undefined ? process.env["SMTPD_UPSTREAM_PASSWORD"] : contentOf(file).split(/\r?\n/, 1)[0];
  if (given === undefined || given === "") throw new Refused("--upstream-user needs a password: in SMTPD_UPSTREAM_PASSWORD, or in a file named with --upstream-password-file", false);
  return given;
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Refused(`Cannot read ${path}: ${(error as Error).message}`, false);
  }
}

/** An address, or mx:domain; but mx:25 is a port of a host called mx. */
function nextHop(spec: string): NextHop {
  const [, domain] = /^mx:(?!\d+$)(.+)$/.exec(spec) ?? [];
  return domain === undefined ? address(spec, "remote") : `mx:${domain}`;
}

/** host:port, [host]:port, or unix:/path. */
function address(spec: string, which: "local" | "remote"): Exclude<NextHop, `mx:${string}`> {
  if (spec.startsWith("unix:/")) return `/${spec.slice("unix:/".length)}`;
  const [, bracketed, bare, port] = /^(?:\[([^\]]*)\]|([^:]*)):(.*)$/.exec(spec) ?? [];
  if (port === undefined) throw new Refused(`Bad ${which} spec: ${spec}`);
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) throw new Refused(`Bad ${which} port: ${spec}`);
  return [(bracketed ?? bare) || "0.0.0.0", Number(port)];
}

/** A class by name, with or without "smtpd." in front, or from a file: ./my-server.js, ./my-server.js:Name. */
async function serverClass(name: string): Promise<ServerClass> {
  const known = name.replace(/^smtpd\./, "");
  if (Object.hasOwn(CLASSES, known)) return CLASSES[known]!();
  const [, path, member = "default"] = /^(.*?\.[cm]?js)(?::(\w+))?$/.exec(name) ?? [];
  if (path === undefined) throw new Refused(`Unknown class: ${name}`);
  const module = (await import(pathToFileURL(resolve(path)).href).catch((error: unknown) => {
    throw new Refused(`Cannot load ${path}: ${(error as Error).message}`, false);
  })) as { readonly [member: string]: unknown };
  const found = module[member];
  if (typeof found !== "function") throw new Refused(`${path} has no class as its export "${member}"`, false);
  if (!(found.prototype instanceof SMTPServer)) throw new Refused(`The export "${member}" of ${path} does not extend SMTPServer`, false);
  return found as ServerClass;
}

function make(Server: ServerClass, ...args: ConstructorParameters<ServerClass>): SMTPServer {
  try {
    return new Server(...args);
  } catch (error) {
    throw new Refused(`Cannot start ${Server.name}: ${String(error)}`, false);
  }
}

async function listening(server: SMTPServer, spec: string): Promise<readonly Address[]> {
  try {
    return await server.listening;
  } catch (error) {
    throw new Refused(`Cannot listen on ${spec}: ${(error as Error).message}`, false);
  }
}

/** Gives up root: groups first, while that is still allowed. */
function becomeNobody(): void {
  try {
    process.setgroups!([]);
    try {
      process.setgid!("nogroup");
    } catch {
      process.setgid!("nobody");
    }
    process.setuid!("nobody");
  } catch {
    throw new Refused('Cannot setuid "nobody"; try running with -n option.', false);
  }
}

process.stderr.on("error", () => {}); // nobody reads it: no reason to stop
main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof Refused)) throw error;
  process.stderr.write(`${error.usage ? `${USAGE}\n` : ""}${error.message}\n`);
  process.exit(1);
});
