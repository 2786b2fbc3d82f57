// Mailman, the upstream with its people, and the proxy in front of both.

import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MailmanProxy, type Address, type MailmanProxyOptions } from "../../../dist/index.js";
import { quietPort, Server } from "../accounting/processes.js";
import { Mailboxes, People } from "./mailboxes.js";
import { Mailman, PASSWORD } from "./mailman.js";

const CLI = fileURLToPath(new URL("../../../dist/cli.js", import.meta.url));

/** With their members. All of them have an owner: own@member.test. */
const LISTS: { readonly [list: string]: readonly string[] } = {
  "ant@example.test": ["alice@member.test", "bob@b.test"],
  "my-big-list@example.test": ["alice@member.test", "bob@b.test"],
  "xyz@virt.test": ["alice@member.test", "bob@b.test"],
  "ant-owner@example.test": ["alice@member.test"],
};
export const OWNER = "own@member.test";

/** What a file of tests gives to the suite. `why`: it needs more than Mailman, which is not here, and may be `installable`. */
export type Cases = (test: (name: string, body: (scene: Scene) => Promise<void>, why?: string, installable?: boolean) => void) => void;

export class Scene {
  readonly folder: string;
  /** What comes out of Mailman. */
  readonly out: Mailboxes;
  /** What comes to the upstream. */
  readonly people: People;
  readonly mailman: Mailman;
  readonly #ports: { readonly people: number };
  readonly #commands: Server[] = [];
  readonly #proxies: MailmanProxy[] = [];
  #proxy: Server | undefined;

  private constructor(folder: string, out: Mailboxes, people: People, mailman: Mailman, ports: { readonly people: number }) {
    this.folder = folder;
    this.out = out;
    this.people = people;
    this.mailman = mailman;
    this.#ports = ports;
  }

  static async set(): Promise<Scene> {
    const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
    chmodSync(folder, 0o755); // Mailman's user has to come by
    const ports = { out: await quietPort(), people: await quietPort() };
    const [out, people] = [new Mailboxes(ports.out), new People(ports.people)];
    const scene = new Scene(folder, out, people, await Mailman.in(join(folder, "mailman"), ports.out), ports);
    try {
      await Promise.all([out.listening, people.listening]);
      await scene.mailman.start();
      await scene.#makeLists();
      scene.#proxy = await scene.command(scene.mailman.cfg);
      return scene;
    } catch (error) {
      await scene.close();
      throw error;
    }
  }

  async #makeLists(): Promise<void> {
    const { admin } = this.mailman;
    await admin.addDomain("example.test");
    await admin.addDomain("virt.test", "x-virt.test");
    for (const [list, members] of Object.entries(LISTS)) {
      await admin.addList(list);
      for (const member of members) await admin.addMember(list, member);
      await admin.addMember(list, OWNER, "owner");
    }
  }

  /** The proxy under test: the command, with Mailman's own configuration. */
  get port(): number {
    return this.#proxy!.port;
  }

  get proxy(): Server {
    return this.#proxy!;
  }

  /** One more of them. */
  async command(cfg: string, upstream = this.#ports.people): Promise<Server> {
    const port = await quietPort();
    const args = [CLI, "-n", "-c", "MailmanProxy", "--mailman-cfg", cfg, `127.0.0.1:${port}`, `127.0.0.1:${upstream}`];
    const server = new Server(port, [process.execPath, ...args], this.folder);
    this.#commands.push(server);
    await server.start();
    return server;
  }

  /** One in this process, for options that the command has not. Gives its port. */
  async inProcess(options: MailmanProxyOptions): Promise<number> {
    const proxy = new MailmanProxy(["127.0.0.1", 0], ["127.0.0.1", this.#ports.people], { mailmanCfg: this.mailman.cfg, hostname: "proxy.test", log: () => {}, ...options });
    this.#proxies.push(proxy);
    const [address] = (await proxy.listening) as [Exclude<Address, string>];
    return address[1];
  }

  /** What went wrong behind our backs: a proxy that ended, a password that it showed. */
  get problems(): string[] {
    return [
      ...this.#commands.filter(({ deaths }) => deaths > 0).map(({ stderr }) => `a proxy ended by itself: ${stderr}`),
      ...this.#commands.filter(({ stderr }) => stderr.includes(PASSWORD)).map(() => "a proxy has printed Mailman's password"),
    ];
  }

  async close(): Promise<void> {
    await Promise.all([...this.#commands.map((each) => each.kill()), ...this.#proxies.map((each) => each.close()), this.mailman.kill()]);
    await Promise.all([this.out.close(), this.people.close()]);
    rmSync(this.folder, { recursive: true });
  }
}
