// Postfix's smtp-source as a client: it sends each message once, and its dialogue says what became of it.

import { spawn } from "node:child_process";
import { outcomeOf, type Ledger, type Outcome } from "./ledger.js";
import { find } from "./processes.js";

const PATIENCE_MS = 60_000;

/** The payload of smtp-source -l 800: nine lines of 80 octets with their CRLFs, and one without. */
const PAYLOAD = `${Array.from("123456789", (first) => `${first.padEnd(78, "X")}\n`).join("")}${"X".repeat(80)}\n`;
/** What the proxy shows to a client that has said HELO, too. */
const ENHANCED_CODE = /^\d\.\d+\.\d+ /;

/**
 * Sends messages one by one until it has sent them all, or the connection is lost: smtp-source gives up then. Their recipients are
 * numbered: 7tag, and so is the dialogue that it prints an account of each. Resolves with how many there were.
 */
export async function smtpSource(port: number, tag: string, messages: number, ledger: Ledger): Promise<number> {
  const args = ["-v", "-A", "-d", "-s", "1", "-m", `${messages}`, "-N", "-f", "s@s.test", "-t", `${tag}@d.test`, "-l", "800", `127.0.0.1:${port}`];
  const source = spawn(find("smtp-source")!, args, { stdio: ["ignore", "ignore", "pipe"], timeout: PATIENCE_MS, killSignal: "SIGKILL" });
  let sent = 0;
  let key: string | undefined;
  let asked = "";
  const enter = (outcome: Outcome, said: string): void => {
    if (key !== undefined) ledger.enter(key, { source: "smtp-source", message: key, outcome, said, recipients: [key], isContent: (stored) => isPayload(stored) });
  };
  const read = (line: string): void => {
    const [, code, text = ""] = /^<<< (\d{3})(?: (.*)|$)/.exec(line) ?? [];
    if (code !== undefined) {
      if (asked === "." || (Number(code) >= 400 && /^(RCPT|DATA)/.test(asked))) {
        enter(outcomeOf(Number(code), text.replace(ENHANCED_CODE, ""), asked === "."), line);
        key = undefined;
      }
      return;
    }
    asked = line;
    if (line === ".") enter("in doubt", line);
    const [, recipient] = /^RCPT TO:<([^@>]+)@/.exec(line) ?? [];
    if (recipient === undefined) return;
    key = recipient;
    sent += 1;
    enter("lost", line);
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
