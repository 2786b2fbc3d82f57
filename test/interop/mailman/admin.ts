// Mailman's REST API, as whoever runs the lists uses it.

const ANSWER_MS = 30_000;

export interface Member {
  readonly email: string;
  readonly bounce_score: number;
}

export class Admin {
  readonly #base: string;
  readonly #authorization: string;

  constructor(port: number, password: string) {
    this.#base = `http://127.0.0.1:${port}/3.1/`;
    this.#authorization = `Basic ${Buffer.from(`restadmin:${password}`).toString("base64")}`;
  }

  async answers(): Promise<boolean> {
    return this.#ask("GET", "system/versions").then(() => true, () => false);
  }

  async has(path: string): Promise<boolean> {
    return (await this.#ask("GET", path)) !== undefined;
  }

  async addDomain(host: string, alias?: string): Promise<void> {
    await this.#ask("POST", "domains", { mail_host: host, ...(alias !== undefined && { alias_domain: alias }) });
  }

  /** The maps tell of it once this has resolved. */
  async addList(address: string): Promise<void> {
    await this.#ask("POST", "lists", { fqdn_listname: address });
  }

  async removeList(address: string): Promise<void> {
    await this.#ask("DELETE", `lists/${address}`);
  }

  async addMember(list: string, subscriber: string, role = "member"): Promise<void> {
    const verified = { pre_verified: "true", pre_confirmed: "true", pre_approved: "true", send_welcome_message: "false" };
    await this.#ask("POST", "members", { list_id: list.replace("@", "."), subscriber, role, ...verified });
  }

  /** Undefined where it is none. */
  async member(list: string, address: string): Promise<Member | undefined> {
    return (await this.#ask("GET", `lists/${list}/member/${address}`)) as Member | undefined;
  }

  /** The JSON of a 2xx; undefined of a 404 to a GET. */
  async #ask(method: string, path: string, form?: { readonly [name: string]: string }): Promise<unknown> {
    const response = await fetch(this.#base + path, {
      method,
      headers: { authorization: this.#authorization, connection: "close" },
      ...(form !== undefined && { body: new URLSearchParams(form) }),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const text = await response.text();
    if (method === "GET" && response.status === 404) return undefined;
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }
}
