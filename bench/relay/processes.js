// What bench/relay.js starts, each in a process of its own: node processes.js ROLE [PORT OF UPSTREAM]. It tells its port, answers
// questions over the IPC channel, and ends with it.

import { connect, createServer } from "node:net";

const LINE_END = Buffer.from("\r\n");
const END_OF_DATA = Buffer.from("\r\n.\r\n");
const EHLO = "250-canned\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n";
/** By the first octet of a command. R is RCPT or RSET. */
const REPLIES = /** @type {Record<string, string>} */ ({ E: EHLO, H: EHLO, M: "250 2.1.0 Ok\r\n", R: "250 2.1.5 Ok\r\n", D: "354 Go on\r\n", Q: "221 2.0.0 Bye\r\n" });
const SAMPLE_MS = 50;

const counts = { messages: 0, octets: 0 };
/** The next message is not read on for a while, once so many of its octets came. @type {{ octets: number, ms: number } | undefined} */
let pause;
let rss = { start: 0, peak: 0 };

/** Lines and mail data, told apart the cheap way. */
class Canned {
  #rest = Buffer.alloc(0);
  #inData = false;

  /**
   * @param {Buffer} chunk
   * @param {(line: Buffer) => boolean} onLine true: what follows is mail data
   * @param {(octets: Buffer, last: boolean) => void} onData a piece of it; the last one ends with CRLF.CRLF, or its last octets
   */
  read(chunk, onLine, onData) {
    let at = 0;
    while (at < chunk.length) {
      if (this.#inData) {
        const end = this.#endOfData(chunk, at);
        onData(at === 0 && end < 0 ? chunk : chunk.subarray(at, end < 0 ? chunk.length : end), end >= 0);
        this.#inData = end < 0;
        if (end < 0) return;
        this.#rest = Buffer.alloc(0);
        at = end;
      } else {
        const end = chunk.indexOf(LINE_END[1], at) + 1;
        const line = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk.subarray(at, end || chunk.length)]) : chunk.subarray(at, end || chunk.length);
        if (end === 0) return void (this.#rest = Buffer.from(line));
        this.#inData = onLine(line);
        this.#rest = this.#inData ? LINE_END : Buffer.alloc(0); // a dot may be the first thing that comes
        at = end;
      }
    }
  }

  /** Where it ends, or -1. Four octets of what came before are kept. @param {Buffer} chunk @param {number} at */
  #endOfData(chunk, at) {
    const before = this.#rest.length;
    const seam = Buffer.concat([this.#rest, chunk.subarray(at, at + 4)]);
    const inSeam = seam.indexOf(END_OF_DATA);
    if (inSeam >= 0) return at + inSeam + END_OF_DATA.length - before;
    const found = chunk.indexOf(END_OF_DATA, at);
    if (found >= 0) return found + END_OF_DATA.length;
    this.#rest = Buffer.from(chunk.length - at >= 4 ? chunk.subarray(-4) : seam.subarray(-4));
    return -1;
  }
}

/** The next hop: says yes to everything, counts it and drops it. One write a chunk. */
function upstream() {
  return createServer({ noDelay: true }, (socket) => {
    const canned = new Canned();
    let octets = 0;
    socket.on("error", () => socket.destroy());
    socket.write("220 canned ESMTP\r\n");
    socket.on("data", (chunk) => {
      let out = "";
      let quit = false;
      canned.read(chunk, (line) => {
        const name = String.fromCharCode(line[0]);
        out += REPLIES[name] ?? "500 5.5.1 What?\r\n";
        quit ||= name === "Q";
        return name === "D";
      }, (piece, last) => {
        octets += piece.length;
        if (pause !== undefined && octets > pause.octets) {
          setTimeout(() => socket.resume(), pause.ms);
          pause = undefined;
          socket.pause();
        }
        if (!last) return;
        out += "250 2.0.0 Taken\r\n";
        counts.messages += 1;
        counts.octets += octets;
        octets = 0;
      });
      if (quit) socket.end(out);
      else if (out !== "") socket.write(out);
    });
  });
}

/** A TCP proxy that knows nothing of SMTP. @param {number} port */
function tcp(port) {
  return createServer({ noDelay: true }, (socket) => {
    const next = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.on("error", () => next.destroy());
    next.on("error", () => socket.destroy());
    socket.pipe(next).pipe(socket);
  });
}

/**
 * The least that a relay can do that ends the session itself: transactions go to kept connections, octet for octet.
 * @param {number} port
 */
function canned(port) {
  /** @type {Hop[]} */
  const idle = [];
  return createServer({ noDelay: true }, (socket) => {
    const reader = new Canned();
    /** @type {Hop | undefined} */
    let hop;
    socket.on("error", () => socket.destroy());
    socket.write("220 canned ESMTP\r\n");
    socket.on("data", (chunk) => {
      reader.read(chunk, (line) => {
        const name = String.fromCharCode(line[0]);
        if (name === "Q") socket.end(REPLIES.Q);
        else if (name === "E" || name === "H") socket.write(EHLO);
        else {
          const to = (hop ??= idle.pop() ?? new Hop(port));
          to.client = socket;
          to.socket.write(Buffer.from(line));
        }
        return name === "D";
      }, (piece, last) => {
        const to = /** @type {Hop} */ (hop);
        if (last) to.taken = () => idle.push(to);
        if (last) hop = undefined;
        if (to.socket.write(piece)) return;
        socket.pause();
        to.socket.once("drain", () => socket.resume());
      });
    });
  });
}

/** A kept connection of the canned relay. */
class Hop {
  /** @type {import("node:net").Socket | undefined} */
  client;
  /** Called once, with the answer to a message. @type {(() => void) | undefined} */
  taken;

  /** @param {number} port */
  constructor(port) {
    this.socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.socket.write("EHLO canned\r\n");
    let own = "";
    const hello = `220 canned ESMTP\r\n${EHLO}`.length;
    this.socket.on("error", () => this.client?.destroy());
    this.socket.on("data", (chunk) => {
      const before = own.length;
      if (before < hello) own += chunk.toString("latin1");
      const said = before < hello ? chunk.subarray(hello - before) : chunk; // the answers to what it was asked for its clients
      if (said.length === 0) return;
      this.client?.write(said);
      this.taken?.();
      this.taken = undefined;
    });
  }
}

/** @param {number} port */
async function pure(port) {
  const { PureProxy } = await import("../../dist/index.js");
  const proxy = new PureProxy(["127.0.0.1", 0], ["127.0.0.1", port], { dataSizeLimit: 0 });
  const [address] = await proxy.listening;
  return Number(address[1]);
}

/** @param {import("node:net").Server} server @returns {Promise<number>} */
function listen(server) {
  return new Promise((resolve) => {
    server.listen({ host: "127.0.0.1", port: 0, backlog: 511 }, () => resolve(/** @type {import("node:net").AddressInfo} */ (server.address()).port));
  });
}

function sample() {
  return (rss = { start: rss.start, peak: Math.max(rss.peak, process.memoryUsage.rss()) });
}

const QUESTIONS = /** @type {Record<string, (value: any) => unknown>} */ ({
  usage: () => ({ ...counts, cpuMs: Object.values(process.cpuUsage()).reduce((sum, each) => sum + each) / 1000 }),
  pause: (value) => (pause = value),
  watch: () => {
    rss = { start: process.memoryUsage.rss(), peak: 0 };
    setInterval(sample, SAMPLE_MS);
  },
  memory: () => sample(),
});

const [role = "", next] = process.argv.slice(2);
const port = Number(next);
process.on("disconnect", () => process.exit());
process.on("message", (/** @type {{ question: string, value: unknown }} */ { question, value }) => {
  process.send?.(QUESTIONS[question](value) ?? {});
});
process.send?.(role === "pure" ? await pure(port) : await listen(role === "upstream" ? upstream() : role === "tcp" ? tcp(port) : canned(port)));
