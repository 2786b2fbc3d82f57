#!/usr/bin/env node
// The command: what `python -m smtpd` was.

import { readFileSync } from "node:fs";
import { serverClass, type ServerClass } from "./classes.js";
import { Dialogue } from "./dialogue.js";
import type { Address, Certificate, FormatName, MailmanProxyOptions, PureProxyOptions } from "./index.js";
import { parse, usage, type Values } from "./options.js";
import {
  BINARYMIME, CHUNKING, DELIVER_BY, DSN, EXPN, LENIENCIES, LINE_ENDINGS, NO_SOLICITING, PRESETS, RRVS, type Extension, type Leniency, type Preset,
} from "./protocol/index.js";
import { FORMATS } from "./servers/formats.js";
import type { SMTPServer } from "./servers/smtp-server.js";
import { written } from "./transport/address.js";
import { START_TLS } from "./transport/tls.js";
import { visible } from "./transport/visible.js";
import { address, contentOf, nextHop, number, oneOf, Refused } from "./values.js";

/** What can be offered on request without an application that acts on it; a proxy offers what its next hop does, too. */
const OFFERABLE: readonly Extension[] = [BINARYMIME, CHUNKING, DELIVER_BY, DSN, EXPN, NO_SOLICITING, RRVS];
const LENIENT = Object.keys({ ...PRESETS, ...LENIENCIES }) as (Preset | Leniency)[];
const MIXED = ["together", "defer"] as const satisfies readonly MailmanProxyOptions["mixed"][];

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parse(args);
  if (values.help === true) return void process.stdout.write(`${usage()}\n`);
  if (values.version === true) return void process.stdout.write(`smtpd ${version()}\n`);
  if (positionals.length > 2) throw new Refused(`Invalid arguments: ${positionals.join(", ")}`);
  const size = values.size === undefined ? undefined : number(values.size, "Invalid size");
  const exitAfter = values["exit-after"] === undefined ? Infinity : number(values["exit-after"], "Invalid number of messages", 1);
  const [localSpec = "localhost:8025", remoteSpec = "localhost:25"] = positionals;
  const local = address(localSpec, "local");
  const remote = remoteSpec.split(",").map(nextHop);
  const format = values.format === undefined ? undefined : oneOf(values.format, Object.keys(FORMATS) as FormatName[], "Invalid format");
  const lineEndings = oneOf(values["line-endings"], LINE_ENDINGS, "Invalid line endings");
  const leniencies = values.leniencies.split(",").map((name) => oneOf(name, LENIENT, "Invalid leniency"));
  const certificate = certificateOf(values);
  const Server = await serverClass(values);

  const dialogue = values.debug === true ? new Dialogue(printDialogue) : undefined;

  let accepted = 0;
  const server = make(Server, local, remote, {
    ...(size !== undefined && { dataSizeLimit: size }),
    enableSMTPUTF8: values.smtputf8 === true,
    ...(format !== undefined && { format }),
    lineEndings,
    leniencies,
    ...(certificate !== undefined && { certificate }),
    implicitTls: values.tls === true,
    requireTls: values["tls-required"] === true,
    xclient: values.xclient ?? [],
    xforward: values.xforward ?? [],
    lmtp: values.lmtp === true,
    proxyProtocol: values["proxy-protocol"] ?? [],
    extensions: (values.extension ?? []).map(offerable),
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

function offerable(name: string): Extension {
  const keyword = oneOf(name.toUpperCase(), OFFERABLE.map((each) => each.keyword), "Invalid extension");
  return OFFERABLE.find((each) => each.keyword === keyword)!;
}

function version(): string {
  return (JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }).version;
}

/** What is said of the next hop. A password never stands on the command line, which all users of a host can read. */
function upstreamOptions(values: Values): NonNullable<PureProxyOptions["upstream"]> {
  const { "starttls-upstream": starttls, "proxy-protocol-upstream": proxyProtocol, "upstream-ca": ca } = values;
  const { "upstream-user": user, "upstream-password-file": passwordFile } = values;
  if (user === undefined && passwordFile !== undefined) throw new Refused("--upstream-password-file needs --upstream-user", false);
  return {
    ...(starttls !== undefined && { starttls: oneOf(starttls, START_TLS, "Invalid --starttls-upstream") }),
    xforward: values["xforward-upstream"] === true,
    implicitTls: values["tls-upstream"] === true,
    ...(proxyProtocol !== undefined && { proxyProtocol: oneOf(proxyProtocol, ["1", "2"], "Invalid --proxy-protocol-upstream") === "1" ? 1 : 2 }),
    tls: ca === undefined ? {} : { ca: contentOf(ca) },
    ...(user !== undefined && { auth: { user, password: password(passwordFile) } }),
  };
}

function mailmanOptions(values: Values): Pick<MailmanProxyOptions, "mailmanCfg" | "mixed" | "classic"> {
  const { "mailman-cfg": mailmanCfg, "mailman-mixed": mixed, "mailman-classic": classic } = values;
  return {
    ...(mailmanCfg !== undefined && { mailmanCfg }),
    ...(mixed !== undefined && { mixed: oneOf(mixed, MIXED, "Invalid --mailman-mixed") }),
    classic: classic === true,
  };
}

function password(file: string | undefined): string {
  const given = file === undefined ? process.env["SMTPD_UPSTREAM_PASSWORD"] : contentOf(file).split(/\r?\n/, 1)[0];
  if (given === undefined || given === "") {
    throw new Refused("--upstream-user needs a password: in SMTPD_UPSTREAM_PASSWORD, or in a file named with --upstream-password-file", false);
  }
  return given;
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
  process.stderr.write(`${error.usage ? `${usage()}\n` : ""}${error.message}\n`);
  process.exit(1);
});
