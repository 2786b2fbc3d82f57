// The load: what is sent, and by whom. smtp-source is Postfix's; it waits for every reply, so that groups of commands need a
// generator of our own.

import { join } from "node:path";
import { unlessQuick } from "../options.js";
import { scratch } from "../scratch.js";
import { grouped } from "./grouped.js";
import { NO_SOURCE, PATIENCE_MS, source } from "./source.js";

const KEPT = ["-d", "-s", "20"];
/** ".." CRLF: a megabyte on the wire. */
const DOT_LINES = unlessQuick(250_000, 25_000);

/** @typedef {import("../measure.js").Goal} Goal */
/**
 * @typedef {object} Shape
 * @property {string} name
 * @property {string} title
 * @property {number} least messages in a round, as many as there are sessions
 * @property {(port: number, messages: number) => Promise<number>} send gives seconds
 * @property {string} [absent] why it cannot be sent
 * @property {Record<string, { rate?: Goal, cpu?: Goal }>} goals what is asked of us beside a server
 * @property {Record<string, string>} [unfit] servers that do not take it, and why
 */

/** @returns {Shape[]} */
export function shapes() {
  return [
    {
      name: "keep",
      title: "20 kept connections, messages of 1 KB",
      ...sourced(20, ...KEPT, "-l", "1024"),
      goals: { canned: { rate: { least: 0.95 } }, "smtp-server": { cpu: { most: 0.45 } }, "smtp-sink": { cpu: { most: 1.35 } } },
    },
    {
      name: "conn",
      title: "A connection for each message of 1 KB, 20 at a time",
      ...sourced(20, "-s", "20", "-l", "1024"),
      goals: { canned: { rate: { least: 0.92 } }, "smtp-server": { cpu: { most: 0.25 } }, "smtp-sink": { cpu: { most: 1.8 } } },
    },
    {
      name: "pipe5",
      title: "20 kept connections, groups of MAIL, 5 RCPT and DATA, messages of 1 KB",
      least: 20,
      send: (port, messages) => grouped(port, { sessions: 20, messages, recipients: 5 }, PATIENCE_MS),
      goals: { canned: { rate: { least: 0.8 } }, "smtp-server": { cpu: { most: 0.14 } }, "smtp-sink": { cpu: { most: 1.15 } } },
      unfit: { Haraka: "503 to commands behind the end of the data, which RFC 2920 allows" },
    },
    {
      name: "rcpt50",
      title: "A kept connection, 50 recipients",
      ...sourced(1, "-d", "-r", "50"),
      goals: { canned: { rate: { least: 0.8 } }, "smtp-server": { cpu: { most: 0.5 } } },
    },
    { name: "mid", title: "20 kept connections, messages of 64 KB", ...sourced(20, ...KEPT, "-l", "65536"), goals: {} },
    {
      name: "big",
      title: "4 kept connections, messages of 10 MB",
      ...sourced(4, "-d", "-s", "4", "-l", "10485760"),
      goals: { canned: { cpu: { most: 1.15 } }, "smtp-server": { rate: { least: 6 } }, "smtp-sink": { rate: { least: 6 } } },
    },
    {
      name: "dots",
      title: "A kept connection, messages of 1 MB, every line a dot",
      ...sourced(1, "-d", "-F", join(scratch("dots", { dots: ".\n".repeat(DOT_LINES) }), "dots")),
      goals: { canned: { cpu: { most: 1.3 } }, "smtp-server": { cpu: { most: 0.02 } } },
    },
  ];
}

/** Sent by smtp-source. @param {number} least @param {string[]} args */
function sourced(least, ...args) {
  return { least, send: source(...args), ...NO_SOURCE };
}
