// The relays, as they are started, each with the same next hop.

import { join } from "node:path";
import { NOT_INSTALLED, program, resolved } from "../peers.js";
import { script } from "../processes.js";
import { scratch } from "../scratch.js";
import { missing } from "../servers/index.js";

export const NODEMAILER = "smtp-server, nodemailer's pool";

/** @param {number} upstream the port @returns {import("../servers/index.js").Server[]} */
export function relays(upstream) {
  const haproxy = program("haproxy");
  return [
    { name: "smtpd", asked: true, start: (port) => script("servers/pure-proxy.js", [port, upstream]) },
    { name: "canned relay", asked: true, start: (port) => script("servers/canned-relay.js", [port, upstream]) },
    { name: "TCP proxy in Node", asked: true, start: (port) => script("servers/tcp-proxy.js", [port, upstream]) },
    {
      name: "HAProxy, TCP",
      ...missing(haproxy, "Debian's haproxy has it"),
      start: (port) => ({ command: haproxy ?? "", args: ["-db", "-f", haproxyConfiguration(port, upstream)] }),
    },
    {
      name: NODEMAILER,
      asked: true,
      ...missing(resolved("nodemailer"), NOT_INSTALLED),
      start: (port) => script("servers/nodemailer-relay.js", [port, upstream]),
    },
  ];
}

/** One thread, as the others have. @param {number} port @param {number} upstream */
function haproxyConfiguration(port, upstream) {
  const times = ["connect", "client", "server"].map((each) => `  timeout ${each} 60s`).join("\n");
  const listen = `listen smtp\n  bind 127.0.0.1:${port}\n  server upstream 127.0.0.1:${upstream}\n`;
  const text = `global\n  nbthread 1\n  maxconn 1000\ndefaults\n  mode tcp\n${times}\n${listen}`;
  return join(scratch("haproxy", { "haproxy.cfg": text }), "haproxy.cfg");
}
