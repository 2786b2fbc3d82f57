// Does for blocks of 64 octets what lines.ts does for words of four: a WebAssembly module, assembled from kernel.wat. Where there is
// no WebAssembly, or where it is not allowed, there is no kernel, and lines.ts does all of it.

import { LF } from "./bytes.js";

/** The little of WebAssembly that is needed: not every place that has it has types for it. */
export interface Assembly {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  pass(from: number, to: number, dots: number, begin: number, most: number): number;
}

/** What becomes of a dot that begins a line. */
export type Dots = keyof typeof DOTS;
const DOTS = { keep: 0, drop: 1, double: 2 };

/** What is known of the lines that are passed. */
export interface Passed {
  /** Where the one that is being read began. */
  begin: number;
  /** How many were longer than they may be. */
  long: number;
  /** All octets OR-ed together: the high bit tells whether there was an 8-bit one. */
  bits: number;
}

/** Where octets are loaded: there is always one in front. */
const LOADED = 64;
/** So many at a time: as many as Node reads at once, so that a segment is one call (bench/data.js, segments of 64 K; in pieces it is no faster). */
const LOADS = 65_536;
/** Where they are put together. There is room for twice as many; doubled dots make a third more at the most. */
const PUT = 131_072;
/** Above any length of a line that is asked for; places are 32-bit numbers. */
const MOST = 2 ** 30;
/** So near to the end of what is loaded it cannot go on: a block, the octet behind it, and a CR that was left. */
export const REACH = 64 + 1 + 1;

export class Kernel {
  readonly #memory: Uint8Array;
  readonly #told: Int32Array;
  readonly #pass: Exports["pass"];
  #loadedTo = 0;
  /** From a place in the segment to one in memory. */
  #shift = 0;

  /** Throws where the module cannot be made. */
  constructor({ Module, Instance }: Assembly) {
    const { memory, pass } = new Instance(new Module(Uint8Array.from(CODE.match(/../g)!, (octet) => parseInt(octet, 16)))).exports as Exports;
    this.#memory = new Uint8Array(memory.buffer);
    this.#told = new Int32Array(memory.buffer, 0, 4);
    this.#pass = pass;
  }

  /** Loads octets from `from` on, as many as there is room for, and gives to where: until others are loaded, these are passed. */
  load(octets: Uint8Array, from: number, to: number): number {
    this.#loadedTo = Math.min(to, from + LOADS);
    this.#shift = LOADED - from;
    this.#memory.set(from === 0 && this.#loadedTo === octets.length ? octets : octets.subarray(from, this.#loadedTo), LOADED);
    return this.#loadedTo;
  }

  /**
   * Passes whole blocks in which all is ordinary, from `from` on, and gives to where; a line begins there, if `begins`. Adds to
   * `lines` what it saw.
   */
  pass(lines: Passed, from: number, begins: boolean, dots: Dots, most: number): number {
    const shift = this.#shift;
    const told = this.#told;
    const longest = Math.min(most, MOST);
    this.#memory[from + shift - 1] = begins ? LF : 0;
    const begin = Math.max(lines.begin, from - longest - 1); // a line that is too long already is no longer than that
    const passedTo = this.#pass(from + shift, this.#loadedTo + shift, DOTS[dots], begin + shift, longest);
    lines.begin = told[1]! - shift;
    lines.long += told[2]!;
    if (told[3] !== 0) lines.bits |= 0x80;
    return passedTo - shift;
  }

  /** What stands for the octets that were passed last, if a dot was dropped or doubled. Valid until others are passed. */
  get put(): Uint8Array | undefined {
    const end = this.#told[0]!;
    return end === 0 ? undefined : this.#memory.subarray(PUT, end);
  }
}

/** Makes a kernel, if it can be made: a page's Content-Security-Policy may forbid it, or a program's `--jitless`. */
export function make(assembly: Assembly | undefined): Kernel | undefined {
  try {
    return assembly && new Kernel(assembly);
  } catch {
    return undefined;
  }
}

let made: { readonly kernel: Kernel | undefined } | undefined;

/** The one that all use: each fills it and is done with it before the next. It is made when first asked for. */
export function kernel(): Kernel | undefined {
  made ??= { kernel: make((globalThis as { readonly WebAssembly?: Assembly }).WebAssembly) };
  return made.kernel;
}

/** kernel.wat, assembled. */
const CODE =
  "0061736d0100000001310660027f7b017e60057f7f7b7b7b017f60037f7f7f017f60047f7f7f7f017f60067f7f7f7f7f7b0060057f7f7f7f7f017f03070600010203040505030100040711" +
  "02066d656d6f72790200047061737300050afb080642002000fd0004002001fd23fd64ad2000fd0004102001fd23fd64ad421086842000fd0004202001fd23fd64ad4220862000fd000430" +
  "2001fd23fd64ad42308684840bbe0202017f067b4110fd000400210602400340200041c1006a20014a0d01200041016b21052005fd00040121072005fd000400210820072003fd23210920" +
  "0920082002fd23fd5120082003fd2320072004fd23fd4efd50210a2007210b2005fd00041121072005fd000410210820072003fd232109200a200920082002fd23fd5120082003fd232007" +
  "2004fd23fd4efd50fd50210a200afd530d012006200b2007fd50fd5021062005fd00042121072005fd000420210820072003fd232109200920082002fd23fd5120082003fd2320072004fd" +
  "23fd4efd50210a2007210b2005fd00043121072005fd000430210820072003fd232109200a200920082002fd23fd5120082003fd2320072004fd23fd4efd50fd50210a200afd530d012006" +
  "200b2007fd50fd502106200041c0006a21000c000b0b41102006fd0b040020000b4001017f2002200120006b6a2103034020022000fd000400fd0b040020022000fd000410fd0b04102000" +
  "41206a2100200241206a210220002001490d000b20030b2d0020034101472000200148200020024e7272044041000f0b200041016b2d0000410a4620002d0000412e46710bc90102047f01" +
  "7e20012106024003402000200020012002200310036a20046a21072007200220072002481b2107200721080340200820064a0440200841c0006b20051000210a2008200a79a76b2108200a" +
  "500d010b0b200820064a044020082100200821060c010b20072006200720064a1b21080340200820024e0d02200820051000210a2008200a7aa76a2108200a500d000b200820024e0d0120" +
  "0941016a2109200841016a2100200021060c000b0b41042000200020012002200310036a360200410820093602000bbb0303077f017e037b410dfd0f210d410afd0f210e412e410a20021b" +
  "fd0f210f41104200fd12fd0b040020002105024003402005210720052001200d200e200f100121052006410047200520074a710440200720052006100221060b200541c1006a20014a0d01" +
  "200541016b21082005200e1000210c200c2008200d1000520d012005200f1000200c42018620082d0000410a46ad8483210c2006210a20064504402000200541808008100221060b200521" +
  "0703402005200c7aa76a2108200241014620082d0001410d4d710440200a21060c030b200820026a41016b21092006210b2006200920076b6a21060340200b2007fd000400fd0b0400200b" +
  "41106a210b200741106a2107200b2006490d000b200841026a20026b2107200c200c42017d83210c200c4200520d000b200541c0006a21092007200920061002210641104110fd00040020" +
  "05fd0004002005fd000410fd50fd502005fd0004202005fd000430fd50fd50fd0b0400200921050c000b0b200520004a200541016b2d0000410d46710440200541016b2105200620064100" +
  "476b21060b20032000200520022004200e100441002006360200410c4110fd000400fd6436020020050b";
