// Relays, as PureProxy does; but an address that the local Mailman knows goes to its LMTP server.

import { isPostmaster, reply, type Extension, type Mail, type Path, type Reply } from "../protocol/index.js";
import { inTime, type Address, type NextHop, type Passage, type Peer } from "../transport/index.js";
import type { AddressRule, Listed } from "./mailman/address.js";
import { readMailmanConfig, type MailmanConfig } from "./mailman/config.js";
import { CannotTell, directory, either, fixed, type Directory, type Source } from "./mailman/directory.js";
import { PostfixMaps } from "./mailman/maps.js";
import { Mixed, type Post } from "./mailman/mixed.js";
import { Rest } from "./mailman/rest.js";
import { PureProxy, type Patience, type PureProxyOptions } from "./pure-proxy.js";
import { RELAYING_DENIED } from "./relaying.js";

export interface MailmanProxyOptions extends PureProxyOptions {
  /** Mailman's configuration: "/etc/mailman3/mailman.cfg" if not given. It tells where Mailman listens and how its lists are known. */
  readonly mailmanCfg?: string;
  /** Who knows the lists: their names, or a look-up. What mailman.cfg says if not given. */
  readonly directory?: readonly string[] | Directory | Directory["lookup"];
  /** Mailman's LMTP server: what mailman.cfg says if not given. Where `directory` is given as well, mailman.cfg is not read. */
  readonly mailman?: Exclude<NextHop, `mx:${string}`>;
  /** A message for lists and people: fed to both at once, or the kind that came second is deferred with 452. "together" if not given. */
  readonly mixed?: "together" | "defer";
  /** Lists are told by the rule of Python's MailmanProxy. */
  readonly classic?: boolean;
  /** How long a session with Mailman waits for DATA behind the last recipient; 60,000 if not given. */
  readonly envelopeMs?: number;
}

const MAILMAN_CFG = "/etc/mailman3/mailman.cfg";
const CANNOT_TELL = reply(451, "4.3.0", "It cannot be told now whether this is a list", "RFC 5321 §4.2.2");
const LOOKUP_MS = 20_000;
/** Each connection costs Mailman a look-up of its own name. */
const INTRODUCE_MS = 30_000;
/** With Mailman, of all clients together. */
const SESSIONS = 100;
/** The same trouble is told to the operator once in this time. */
const AGAIN_MS = 60_000;
const MAX_TOLD = 100;

export class MailmanProxy extends PureProxy {
  /** A list neither reports nor keeps times. */
  static override readonly passedOn: readonly Extension[] = [];
  readonly #directory: Directory;
  readonly #post: Post;
  /** When what was told to the operator. */
  readonly #told = new Map<string, number>();

  /** Throws Error where Mailman's configuration cannot be read, before anything listens. */
  constructor(localaddr: Address, remoteaddr: NextHop | readonly NextHop[], options: MailmanProxyOptions = {}) {
    const { mailmanCfg = MAILMAN_CFG, mailman, mixed = "together", classic = false, envelopeMs } = options;
    const config = mailman === undefined || options.directory === undefined ? readMailmanConfig(mailmanCfg) : undefined;
    const rule = { delimiter: config?.delimiter ?? "+", classic };
    const named = options.directory && given(options.directory, rule); // it may throw: before anything listens
    super(localaddr, remoteaddr, options);
    this.#directory = named ?? directory(this.#mailmansOwn(config!), rule);
    const way = this.way(mailman ?? config!.lmtp, {
      lmtp: true,
      most: SESSIONS,
      introduceMs: INTRODUCE_MS,
      trace: options.upstream?.trace,
      log: (line) => this.log(line.replace(/^upstream /, "Mailman at ").replace("Upstream: ", "")),
    });
    this.#post = { mailman: way, hostname: this.settings.hostname, separate: mixed === "defer", envelopeMs };
  }

  /** Upstream's transaction is opened for the first recipient that is no list's. */
  protected override async begin(peer: Peer, mail: Mail): Promise<Passage> {
    return new Mixed(mail, this.#post, {
      find: (path) => this.#find(path),
      admits: (path) => {
        const postmaster = path.domain === "" && isPostmaster(path.localPart); // §4.5.1: of a server that takes mail
        return postmaster || super.admits(peer, path) ? undefined : RELAYING_DENIED;
      },
      relay: (gone) => super.begin(peer, mail, gone),
    });
  }

  /** Mail to a list is not relayed: anybody may send it. */
  protected override admits(): boolean {
    return true;
  }

  /** A recipient is looked up, introduced to its next hop and asked for; a message goes to two of them, one after the other. */
  protected override get patience(): Patience {
    return { begin: 0.4, reply: 0.4, message: 0.45 };
  }

  /** Never "no list" where that is not known. */
  async #find(path: Path): Promise<Listed | Reply | null | undefined> {
    try {
      const found = await inTime(LOOKUP_MS, CANNOT_TELL, async () => this.#directory.lookup(path));
      if (found === CANNOT_TELL) throw new CannotTell("no answer in time");
      return found;
    } catch (error) {
      this.#tell(`a recipient was deferred, as it cannot be told whether it is a list: ${messageOf(error)}`);
      return CANNOT_TELL;
    }
  }

  /** The maps that Mailman writes, if it does and they can be read; else its REST API. */
  #mailmansOwn({ maps, rest }: MailmanConfig): Source {
    const overRest = new Rest(rest);
    if (maps === undefined) return () => overRest.known();
    const files = new PostfixMaps(maps);
    return either(() => files.known(), () => overRest.known(), (error) => this.#tell(`Mailman's REST API is asked instead of its maps: ${messageOf(error)}`));
  }

  #tell(line: string): void {
    const now = performance.now();
    if (now < (this.#told.get(line) ?? 0)) return;
    this.#told.delete(line);
    this.#told.set(line, now + AGAIN_MS);
    if (this.#told.size > MAX_TOLD) this.#told.delete(this.#told.keys().next().value!);
    this.log(line);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function given(by: NonNullable<MailmanProxyOptions["directory"]>, rule: AddressRule): Directory {
  if (typeof by === "function") return { lookup: by };
  return "lookup" in by ? by : directory(fixed(by), rule);
}
