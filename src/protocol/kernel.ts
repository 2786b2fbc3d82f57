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
/** So many at a time: what is loaded is still in the innermost cache when it is looked at (bench/loopback.js, 10 MB). */
const LOADS = 16_384;
/** Where they are put together. There is room for twice as many; doubled dots make a third more at the most. */
const PUT = 32_768;
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
    this.#memory.set(octets.subarray(from, this.#loadedTo), LOADED);
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
    const [end] = this.#told;
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
  "0061736d0100000001190360047f7b7f7b017e60037f7f7f017f60057f7f7f7f7f017f030504000101020503010001071102066d656d6f72790200047061737300030ab4080472002000fd" +
  "0004002001fd232002fd0004002003fd23fd4efd64ad2000fd0004102001fd232002fd0004102003fd23fd4efd64ad421086842000fd0004202001fd232002fd0004202003fd23fd4efd64" +
  "ad4220862000fd0004302001fd232002fd0004302003fd23fd4efd64ad42308684840b4d01027f20002001200020014a1b2103200041c0006a21042004200220042002481b210402400340" +
  "200420034c0d01200441016b2d0000410a46044020040f0b200441016b21040c000b0b20000b27002002410147200020014872044041000f0b200041016b2d0000410a4620002d0000412e" +
  "46710bc80603087f017e0b7b410dfd0f210f410afd0f2110412e410a20021bfd0f21112000210502400340200541c1006a20014a0d01200541016b21082005fd00040021122008fd000400" +
  "211320122010fd23211420142013200ffd23fd51211520132010fd2320122011fd23fd4e211620122117201421182005fd00041021122008fd000410211320122010fd2321142015201420" +
  "13200ffd23fd51fd502115201620132010fd2320122011fd23fd4efd50211620172012fd50211720182014fd5021182005fd00042021122008fd000420211320122010fd23211420152014" +
  "2013200ffd23fd51fd502115201620132010fd2320122011fd23fd4efd50211620172012fd50211720182014fd5021182005fd00043021122008fd000430211320122010fd232114201520" +
  "142013200ffd23fd51fd502115201620132010fd2320122011fd23fd4efd50211620172012fd50211720182014fd50211820152016fd50fd5304402015fd530d022006210c200645044041" +
  "808002200520006b6a2106418080022000200520006bfc0a00000b20052011200820101000210d2005210903402005200d7aa76a210a2002410146200a2d0001410d4d710440200c21060c" +
  "040b200a20026a41016b210b200621082006200b20096b6a2106034020082009fd000400fd0b0400200841106a2108200941106a210920082006490d000b200a41026a20026b2109200d20" +
  "0d42017d83210d200d4200520d000b05200521090b2006044020062009fd000400fd0b040020062009fd000410fd0b041020062009fd000420fd0b042020062009fd000430fd0b04302006" +
  "200541c0006a20096b6a21060b200e2017fd50210e2018fd530440200541c0006a20036b20044a04402003200020051001210320052010200520101000210d0340200541016a200d7aa76a" +
  "210a200320032000200210026a21032007200a20036b20044a6a2107200a2103200d200d42017d83210d200d4200520d000b05200521030b0b200541c0006a21050c000b0b200320002005" +
  "10012103200520004a200541016b2d0000410d46710440200541016b2105200620064100476b21060b20032005480440200320032000200210026a21030b41002006360200410420033602" +
  "0041082007360200410c200efd6436020020050b";
