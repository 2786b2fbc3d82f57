// Postfix's smtp-source as a client: it sends each message once, and its dialogue says what became of it.

import { spawn } from "node:child_process";
import { ENHANCED_CODE, type Heard, type HopName } from "./heard.js";
import type { Ledger } from "./ledger.js";
import { find } from "./processes.js";

const PATIENCE_MS = 60_000;

/** The payload of smtp-source -l 800: nine lines of 80 octets with their CRLFs, and one without. */
const PAYLOAD = `${Array.from("123456789", (first) => `${first.padEnd(78, "X")}\n`).join("")}${"X".repeat(80)}\n`;
/** Until the proxy says something. */
const NOTHING_SAID = { code: 451, lines: ["connection closed"], byProxy: false };

/**
 * Sends messages one by one until it has sent them all, or the connection is lost: smtp-source gives up then. Their recipients are
 * numbered: 7a@d.test, and so is the dialogue that it prints an account of each. Resolves with how many there were.
 */
export async function smtpSource(port: number, to: string, at: HopName, messages: number, ledger: Ledger): Promise<number> {
  const args = ["-v", "-A", "-d", "-s", "1", "-m", `${messages}`, "-N", "-f", "s@s.test", "-t", to, "-l", "800", `127.0.0.1:${port}`];
  const source = spawn(find("smtp-source")!, args, { stdio: ["ignore", "ignore", "pipe"], timeout: PATIENCE_MS, killSignal: "SIGKILL" });
  let sent = 0;
  let key: string | undefined;
  let asked = "";
  const enter = (heard: Heard): void => {
    if (key !== undefined) ledger.enter(key, { source: "smtp-source", message: key, heard, copies: [{ at, recipients: [key], isContent: (stored) => isPayload(stored) }] });
  };
  const read = (line: string): void => {
    const [, code, text = ""] = /^<<< (\d{3})(?: (.*)|$)/.exec(line) ?? [];
    if (code !== undefined) {
      if (asked === "." || (Number(code) >= 400 && /^(RCPT|DATA)/.test(asked))) {
        enter({ code: Number(code), lines: [text.replace(ENHANCED_CODE, "")], ended: asked === ".", byProxy: true });
        key = undefined;
      }
      return;
    }
    asked = line;
    if (line === ".") enter({ ...NOTHING_SAID, ended: true });
    const [, recipient] = /^RCPT TO:<([^>]+)>/.exec(line) ?? [];
    if (recipient === undefined) return;
    key = recipient;
    sent += 1;
    enter({ ...NOTHING_SAID, ended: false });
  };
  let unread = "";
  source.stderr.setEncoding("latin1").on("data", (text: string) => {
    const lines = (unread + text).split("\n");
    unread = lines.pop()!;
    for (const line of lines) read(line.replace(/^\S*smtp-source: /, ""));
  });
  const signal = await new Promise((resolve, reject) => source.on("error", reject).on("close", (_, by) => resolve(by)));
  if (signal !== null) ledger.problems.push(`smtp-source was still waiting ${PATIENCE_MS} ms later: ${asked}`);
  return sent;
}

function isPayload(stored: string): boolean {
  const headerEnd = stored.indexOf("\n\n") + 2;
  return stored.slice(headerEnd) === PAYLOAD && /^Received: from [^\n]+\n\tby [^\n]+ with SMTP;\n/m.test(stored.slice(0, headerEnd));
}
