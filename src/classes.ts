// Which server the command runs, and which options are for it.

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Address, DebuggingServerOptions, MailmanProxyOptions, NextHop } from "./index.js";
import { ofOneClass, type Values } from "./options.js";
import { SMTPServer } from "./servers/smtp-server.js";
import { Refused } from "./values.js";

/** What a class of the user's has to be. */
export type ServerClass = new (localaddr: Address, remoteaddr: readonly NextHop[], options: DebuggingServerOptions & MailmanProxyOptions) => SMTPServer;

/** Each is loaded when it is asked for: a server that only listens starts without the way upstream, and without TLS. */
const CLASSES = {
  SMTPServer: async () => SMTPServer,
  DebuggingServer: async () => (await import("./servers/debugging-server.js")).DebuggingServer,
  PureProxy: async () => (await import("./servers/pure-proxy.js")).PureProxy,
  MailmanProxy: async () => (await import("./servers/mailman-proxy.js")).MailmanProxy,
} as const satisfies { readonly [name: string]: () => Promise<ServerClass> };

/** A class by name, with or without "smtpd." in front, or from a file: ./my-server.js, ./my-server.js:Name. */
export async function serverClass(values: Values): Promise<ServerClass> {
  const known = values.class.replace(/^smtpd\./, "");
  const found = Object.hasOwn(CLASSES, known) ? await CLASSES[known as keyof typeof CLASSES]() : await ownClass(values.class);
  for (const [option, of] of ofOneClass(values)) {
    const Class = await CLASSES[of]();
    if (found !== Class && !(found.prototype instanceof Class)) throw new Refused(`${option} is an option of ${of}, which ${found.name} is not`);
  }
  return found;
}

async function ownClass(name: string): Promise<ServerClass> {
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
