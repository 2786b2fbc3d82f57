// A client that pipelines (RFC 2920 §3.1): MAIL, RCPTs and DATA in one write; then the message, and the next group behind it.

import { connect } from "node:net";

const LINE = `${"The quick brown fox jumps over the lazy dog. ".repeat(2).slice(0, 72)}\r\n`;
const MESSAGE = `Subject: bench\r\n\r\n${LINE.repeat(13)}.\r\n`; // 1 KB

/**
 * Sends messages over kept connections; gives seconds. Rejects where a reply is not the one that is due.
 * @param {number} port
 * @param {{ sessions: number, messages: number, recipients: number }} what
 * @param {number} mostMs
 */
export async function grouped(port, { sessions, messages, recipients }, mostMs) {
  const began = performance.now();
  const shares = Array.from({ length: sessions }, (_, at) => Math.floor((messages + at) / sessions)).filter((share) => share > 0);
  await Promise.all(shares.map((share) => session(port, share, recipients, mostMs)));
  return (performance.now() - began) / 1000;
}

/** What is said when, and the codes that are due then. @param {number} messages @param {number} recipients @returns {Generator<{ say: Buffer, due: string }>} */
function* turns(messages, recipients) {
  const group = `MAIL FROM:<a@example.com>\r\n${"RCPT TO:<b@example.org>\r\n".repeat(recipients)}DATA\r\n`;
  const accepted = `${"250 ".repeat(1 + recipients)}354 `;
  const between = { say: Buffer.from(MESSAGE + group), due: `250 ${accepted}` };
  yield { say: Buffer.from("EHLO client.example\r\n"), due: "250 " };
  yield { say: Buffer.from(group), due: accepted };
  for (let message = 1; message < messages; message++) yield between;
  yield { say: Buffer.from(`${MESSAGE}QUIT\r\n`), due: "250 221 " };
}

/** @param {number} port @param {number} messages @param {number} recipients @param {number} mostMs @returns {Promise<void>} */
function session(port, messages, recipients, mostMs) {
  const plan = turns(messages, recipients);
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    let due = "220 ";
    let said = "";
    const end = (/** @type {string} */ why) => {
      clearTimeout(timer);
      reject(new Error(why)); // of no effect once it is resolved
      socket.destroy();
    };
    const timer = setTimeout(() => end("it does not end"), mostMs);
    socket.on("error", (error) => end(error.message)).on("close", () => end("closed"));
    socket.on("data", (chunk) => {
      said += chunk.toString("latin1");
      const codes = codesOf(said);
      if (codes.length < due.length) return;
      if (codes !== due) return end(`${due}was due, but: ${JSON.stringify(said)}`);
      said = "";
      const turn = plan.next();
      if (turn.done === true) {
        resolve();
        return end("");
      }
      due = turn.value.due;
      socket.write(turn.value.say);
    });
  });
}

/** Of each reply that is whole, "250 "; of lines that others follow, nothing. @param {string} said */
function codesOf(said) {
  let codes = "";
  for (let at = 0, end = said.indexOf("\n"); end >= 0; at = end + 1, end = said.indexOf("\n", at)) {
    if (said[at + 3] !== "-") codes += `${said.slice(at, at + 3)} `;
  }
  return codes;
}
