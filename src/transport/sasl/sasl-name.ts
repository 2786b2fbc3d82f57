// saslname: how a name is written where commas part what is said (RFC 5801 §4, RFC 5802 §7).

import { prepared } from "./prepared.js";

/** Undefined for what is no name. */
export function saslName(text: string): string | undefined {
  return prepared(text)?.replaceAll("=", "=3D").replaceAll(",", "=2C");
}

/** saslname = 1*(value-safe-char / "=2C" / "=3D"): the name it stands for, prepared; undefined where it is none. */
export function unescaped(text: string): string | undefined {
  if (!/^(?:[^=,\0]|=2C|=3D)+$/.test(text)) return undefined;
  return prepared(text.replaceAll("=2C", ",").replaceAll("=3D", "="));
}
