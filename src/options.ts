// The options of the command: what each is called, what it takes, which class it is for. The usage is made of it.

import { parseArgs } from "node:util";
import { Refused } from "./values.js";

export interface Option {
  readonly type: "boolean" | "string";
  readonly short?: string;
  readonly multiple?: true;
  readonly default?: string;
  /** What the value is called in the usage. */
  readonly value?: string;
  /** The class that it is for, and those that extend it; all classes, if not given. */
  readonly of?: "DebuggingServer" | "PureProxy" | "MailmanProxy";
  readonly help: string;
}

export const OPTIONS = {
  "nosetuid": { type: "boolean", short: "n", help: 'Stay the user that started it; otherwise root becomes "nobody".' },
  "version": { type: "boolean", short: "V", help: "Print the version and exit." },
  "class": {
    type: "string", short: "c", value: "CLASS", default: "PureProxy",
    help: "DebuggingServer, MailmanProxy, SMTPServer, or a class of yours: ./my-server.js for its default export, ./my-server.js:Name for a named one. "
      + "Default: PureProxy.",
  },
  "size": { type: "string", short: "s", value: "LIMIT", help: "The largest message taken, in octets; 0 for no limit. Default: 33554432." },
  "smtputf8": { type: "boolean", short: "u", help: "Offer SMTPUTF8." },
  "debug": { type: "boolean", short: "d", help: "Print the dialogue on standard error." },
  "help": { type: "boolean", short: "h", help: "Print this and exit." },
  "line-endings": {
    type: "string", value: "POLICY", default: "refuse",
    help: "A bare CR or LF is refused, made CRLF, or passed on: refuse, normalise or pass. Default: refuse.",
  },
  "leniencies": {
    type: "string", value: "LIST", default: "interoperable",
    help: "What is taken although RFC 5321 has it otherwise: strict, interoperable or smtpd, and single names, with commas between them. "
      + "Default: interoperable.",
  },
  "exit-after": { type: "string", value: "N", help: "End when N messages have been accepted." },
  "tls-cert": {
    type: "string", value: "FILE",
    help: "A certificate, in PEM, with those that vouch for it: STARTTLS is offered. SIGHUP reads it again.",
  },
  "tls-key": { type: "string", value: "FILE", help: "Its key." },
  "tls": { type: "boolean", help: "TLS from the first octet on." },
  "tls-required": { type: "boolean", help: "Take nothing before TLS." },
  "xclient": { type: "string", value: "CIDR", multiple: true, help: "A network whose hosts may say, with XCLIENT, that they are somebody else." },
  "xforward": { type: "string", value: "CIDR", multiple: true, help: "A network whose hosts may tell, with XFORWARD, where a message came from." },
  "lmtp": { type: "boolean", help: "Speak LMTP in the place of SMTP." },
  "proxy-protocol": {
    type: "string", value: "CIDR", multiple: true,
    help: "A network of proxies: all connections come from there, and begin with the header of the PROXY protocol.",
  },
  "extension": { type: "string", value: "NAME", multiple: true, help: "Offer an extension that is not offered by default: CHUNKING, DSN and others." },
  "format": { of: "DebuggingServer", type: "string", value: "FORMAT", help: "How it prints: text, python or json. Default: text." },
  "allow": { of: "PureProxy", type: "string", value: "CIDR", multiple: true, help: "A network whose clients may relay, besides this host." },
  "relay-domain": {
    of: "PureProxy", type: "string", value: "DOMAIN", multiple: true,
    help: "A domain that anybody may send to; .DOMAIN for all below it.",
  },
  "x-peer": { of: "PureProxy", type: "boolean", help: "Put the client's address in front of each message, as X-Peer." },
  "xforward-upstream": { of: "PureProxy", type: "boolean", help: "Tell upstream, with XFORWARD where it is offered, where each message came from." },
  "starttls-upstream": {
    of: "PureProxy", type: "string", value: "MODE",
    help: "if-offered, required or never. Default: if-offered, but never to this host.",
  },
  "tls-upstream": { of: "PureProxy", type: "boolean", help: "TLS from the first octet on." },
  "proxy-protocol-upstream": {
    of: "PureProxy", type: "string", value: "VERSION",
    help: "Tell upstream who the client is, by the PROXY protocol, in version 1 or 2.",
  },
  "upstream-ca": { of: "PureProxy", type: "string", value: "FILE", help: "Certificates to trust, in PEM. Default: the system's." },
  "upstream-user": {
    of: "PureProxy", type: "string", value: "USER",
    help: "Log in upstream, with the password in the environment variable SMTPD_UPSTREAM_PASSWORD, or in a file.",
  },
  "upstream-password-file": { of: "PureProxy", type: "string", value: "FILE", help: "A file whose first line is that password." },
  "mailman-cfg": { of: "MailmanProxy", type: "string", value: "FILE", help: "Mailman's configuration. Default: /etc/mailman3/mailman.cfg." },
  "mailman-mixed": {
    of: "MailmanProxy", type: "string", value: "MODE",
    help: "A message for lists and people is taken whole, or one kind is deferred: together or defer. Default: together.",
  },
  "mailman-classic": {
    of: "MailmanProxy", type: "boolean",
    help: "Tell lists by the rule of Python's MailmanProxy: no domain, one dash at the most.",
  },
} as const satisfies { readonly [name: string]: Option };

type Given = ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>;
export type Values = Given["values"];

export function parse(args: readonly string[]): Given {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new Refused((error as Error).message);
  }
}

/** The options that were given and are not for all classes, with the one that they are for. */
export function ofOneClass(values: Values): (readonly [option: string, of: NonNullable<Option["of"]>])[] {
  const given = Object.entries<Option>(OPTIONS).filter(([name]) => values[name as keyof Values] !== undefined);
  return given.flatMap(([name, { of }]) => (of === undefined ? [] : [[`--${name}`, of]]));
}

const SYNOPSIS = "Usage: smtpd [-n] [-V] [-c CLASS] [-s LIMIT] [-u] [-d] [-h] [localhost:localport [remotehost:remoteport]]";
const PLACES = `localhost:localport is where to listen, by default localhost:8025; also [::1]:8025, :8025 for all of IPv4, port 0 for
any that is free, unix:/path for a unix socket. remotehost:remoteport is where a proxy sends to, by default localhost:25;
also mx:DOMAIN for the mail exchangers of a domain, and several, with commas between them, to be tried in order.`;
/** What stands above the options of a class. */
const HEADINGS = { "": "", DebuggingServer: "DebuggingServer:\n", PureProxy: "PureProxy and MailmanProxy:\n", MailmanProxy: "MailmanProxy:\n" } as const;
/** Where the help begins, and how much of it stands in a line. */
const COLUMN = 42;
const WIDTH = 80;

export function usage(): string {
  const groups = Object.entries(HEADINGS).map(([of, heading]) => {
    const options = Object.entries<Option>(OPTIONS).filter(([, option]) => (option.of ?? "") === of);
    return `${heading}${options.map(([name, option]) => helpOn(name, option)).join("\n")}`;
  });
  return [SYNOPSIS, ...groups, PLACES].join("\n\n");
}

function helpOn(name: string, { short, value, multiple, help }: Option): string {
  const called = `    ${short === undefined ? "    " : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;
  const text = multiple === true ? `${help} May be repeated.` : help;
  const lines = text.match(new RegExp(`.{1,${WIDTH}}(?: |$)`, "g"))!;
  return `${called.padEnd(COLUMN)}${lines.map((line) => line.trimEnd()).join(`\n${" ".repeat(COLUMN)}`)}`;
}
