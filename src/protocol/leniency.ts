// What a server may take although RFC 5321 has it otherwise, because programs send it. Each has a name, is allowed by that name, and
// is told with the command that made use of it. What bare line ends in mail data come to is another matter: `lineEndings`.

/** Name -> what it is in words, and the clause that has it otherwise. */
export const LENIENCIES = {
  "space-after-colon": { what: "space behind FROM: or TO:", clause: "RFC 5321 §3.3" },
  "path-without-brackets": { what: "path without its brackets", clause: "RFC 5321 §4.1.2" },
  "hello-name": { what: "hello with a name that is no host's", clause: "RFC 5321 §4.1.1.1" },
  "hello-more": { what: "hello with more than a name", clause: "RFC 5321 §4.1.1.1" },
  "quit-argument": { what: "QUIT with an argument", clause: "RFC 5321 §4.1.1.10" },
  "starttls-argument": { what: "STARTTLS with an argument", clause: "RFC 3207 §4" },
  "address-without-domain": { what: "address without a domain", clause: "RFC 5321 §2.3.5" },
  "underscore-in-domain": { what: "domain with an underscore", clause: "RFC 5321 §4.1.2" },
  "dots-in-local-part": { what: "local part with a dot at its start, its end, or beside another", clause: "RFC 5321 §4.1.2" },
  "bare-lf": { what: "command that ends in LF alone", clause: "RFC 5321 §2.3.8" },
} as const satisfies { readonly [name: string]: { readonly what: string; readonly clause: string } };

export type Leniency = keyof typeof LENIENCIES;

const INTEROPERABLE = ["space-after-colon", "path-without-brackets", "hello-name", "hello-more"] as const satisfies readonly Leniency[];

/** The grammar to the letter; what programs of today are seen to send; and what Python's smtpd took besides. */
export const PRESETS = {
  strict: [],
  interoperable: INTEROPERABLE,
  smtpd: [...INTEROPERABLE, "quit-argument", "address-without-domain", "underscore-in-domain", "dots-in-local-part"],
} as const satisfies { readonly [name: string]: readonly Leniency[] };

export type Preset = keyof typeof PRESETS;

/** Presets and single names together. Throws RangeError for a name that is neither. */
export function leniencies(names: Iterable<Preset | Leniency>): ReadonlySet<Leniency> {
  return new Set([...names].flatMap((name) => {
    if (Object.hasOwn(PRESETS, name)) return PRESETS[name as Preset];
    if (!Object.hasOwn(LENIENCIES, name)) throw new RangeError(`"${name}" is no leniency`);
    return name as Leniency;
  }));
}

export const NO_LENIENCIES: ReadonlySet<Leniency> = new Set();
