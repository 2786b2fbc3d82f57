// Mailman's REST API: which domains there are, and whether a list is there. Answers are kept for a while, the same question is asked
// once, and never many at a time: its server does one thing after the other.

import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { hostsOf, type Hosts } from "./address.js";
import { CannotTell, type Known } from "./directory.js";

export interface RestOptions {
  readonly https: boolean;
  readonly host: string;
  readonly port: number;
  /** "3.1" */
  readonly version: string;
  readonly user: string;
  readonly password: string;
  /** For one answer, in milliseconds; 10,000 if not given. */
  readonly answerMs?: number;
  /** How long it is left alone after it could not tell: each recipient would wait for it anew. 1,000 if not given. */
  readonly troubleMs?: number;
}

const ANSWER_MS = 10_000;
/** An answer tells of one list, or of all domains. */
const MAX_ANSWER_OCTETS = 1_048_576;
const AT_A_TIME = 2;
/** Questions that wait for their turn. One more cannot be told. */
const MAX_WAITING = 200;
/** A list that is gone is refused by Mailman itself; one that is new must not be missed for long, and nor must a new domain. */
const KEPT_MS = { hosts: 10_000, present: 60_000, absent: 5_000 };
const MAX_KEPT = 10_000;
const TROUBLE_MS = 1_000;
const HTTP = { ok: 200, unauthorized: 401, notFound: 404 };

export class Rest {
  readonly #options: RestOptions;
  readonly #kept = new Map<string, { readonly value: unknown; readonly until: number }>();
  readonly #asking = new Map<string, Promise<unknown>>();
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  #trouble: { readonly error: unknown; readonly until: number } | undefined;

  constructor(options: RestOptions) {
    this.#options = options;
  }

  async known(): Promise<Known> {
    return { hosts: await this.#hosts(), has: (list) => this.#has(list) };
  }

  #hosts(): Promise<Hosts> {
    return this.#once("domains", () => KEPT_MS.hosts, hostsIn);
  }

  /** Only names that Mailman could give to a list come here, so there is no slash in it, and no dot-dot that is one. */
  #has(list: string): Promise<boolean> {
    return this.#once(`lists/${encodeURIComponent(list)}`, (there) => (there ? KEPT_MS.present : KEPT_MS.absent), (answer) => {
      if (answer === undefined) return false;
      if (member(answer, "fqdn_listname") !== list) throw new CannotTell(`Mailman's REST API speaks of another list than ${JSON.stringify(list)}`);
      return true;
    });
  }

  /** What is kept; or what is being asked; or what is asked now. */
  #once<T>(path: string, keptMs: (value: T) => number, read: (answer: unknown) => T): Promise<T> {
    const kept = this.#kept.get(path);
    if (kept !== undefined && performance.now() < kept.until) return Promise.resolve(kept.value as T);
    if (this.#trouble !== undefined && performance.now() < this.#trouble.until) return Promise.reject(this.#trouble.error);
    const asking = this.#asking.get(path) ?? this.#inTurn(() => this.#get(path)).then((answer) => {
      const value = read(answer);
      this.#keep(path, value, keptMs(value));
      return value;
    }).catch((error: unknown) => {
      this.#trouble = { error, until: performance.now() + (this.#options.troubleMs ?? TROUBLE_MS) };
      throw error;
    }).finally(() => this.#asking.delete(path));
    this.#asking.set(path, asking);
    return asking as Promise<T>;
  }

  #keep(path: string, value: unknown, forMs: number): void {
    this.#kept.delete(path); // to the end: the one that was asked longest ago stands first
    this.#kept.set(path, { value, until: performance.now() + forMs });
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= AT_A_TIME) {
      if (this.#waiting.length >= MAX_WAITING) throw new CannotTell("too many questions wait for Mailman's REST API");
      await new Promise<void>((resolve) => this.#waiting.push(resolve)); // whoever has done leaves its place to the next
    } else {
      this.#running += 1;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  /** The JSON that is there; undefined where there is nothing. */
  async #get(path: string): Promise<unknown> {
    const { status, text } = await this.#answer(path);
    if (status === HTTP.unauthorized) throw new CannotTell(`Mailman's REST API answers ${status}: its user or password is another`);
    if (status !== HTTP.ok && status !== HTTP.notFound) throw new CannotTell(`Mailman's REST API answers ${status}`);
    try {
      const answer = JSON.parse(text) as unknown; // a 404 of another server's, or of a proxy's, tells nothing
      return status === HTTP.ok ? answer : undefined;
    } catch {
      throw new CannotTell("Mailman's REST API answers what is no JSON");
    }
  }

  #answer(path: string): Promise<{ readonly status: number | undefined; readonly text: string }> {
    const { https, host, port, version, user, password, answerMs = ANSWER_MS } = this.#options;
    return new Promise((resolve, reject) => {
      const cannotTell = (why: string): void => reject(new CannotTell(`Mailman's REST API ${why}`));
      const request = (https ? requestHttps : requestHttp)({
        host, port, path: `/${version}/${path}`, auth: `${user}:${password}`, agent: false, signal: AbortSignal.timeout(answerMs),
      });
      request.on("error", ({ name, code = name }: NodeJS.ErrnoException) => {
        cannotTell(`cannot be asked (${code === "ABORT_ERR" ? "no answer in time" : code})`);
      });
      request.on("response", (response) => {
        const pieces: Buffer[] = [];
        let octets = 0;
        response.on("data", (piece: Buffer) => {
          pieces.push(piece);
          octets += piece.length;
          if (octets > MAX_ANSWER_OCTETS) request.destroy(new RangeError("an answer without end"));
        });
        response.on("error", () => cannotTell("breaks off its answer"));
        response.on("end", () => resolve({ status: response.statusCode, text: Buffer.concat(pieces).toString() }));
      });
      request.end();
    });
  }
}

/** {"entries": [{"mail_host": "example.org", "alias_domain": null}, …]}; without entries where there is no domain. */
function hostsIn(answer: unknown): Hosts {
  const entries = member(answer, "entries") ?? [];
  if (typeof member(answer, "total_size") !== "number" || !Array.isArray(entries)) throw wrongShape();
  return hostsOf(entries.map((entry) => {
    const [host, alias] = [member(entry, "mail_host"), member(entry, "alias_domain") ?? ""];
    if (typeof host !== "string" || typeof alias !== "string") throw wrongShape();
    return { host, alias: alias === "" ? undefined : alias };
  }));
}

function wrongShape(): CannotTell {
  return new CannotTell("Mailman's REST API does not answer in the form that it should");
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as { readonly [name: string]: unknown })[name] : undefined;
}
