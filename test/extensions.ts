// The extensions that come with the engine, so that tests can go through all of them.

import * as protocol from "../dist/protocol/index.js";
import type { Extension } from "../dist/protocol/index.js";

/** By keyword. */
export const EXTENSIONS: ReadonlyMap<string, Extension> = new Map(Object.values<unknown>(protocol).filter(isExtension).map((each) => [each.keyword, each]));

function isExtension(value: unknown): value is Extension {
  return typeof value === "object" && value !== null && "keyword" in value;
}

/** "DSN,MT-PRIORITY(MIXER)": in brackets what stands behind the keyword, with "_" for a space. */
export function extensionsNamed(text = ""): Extension[] {
  return [...text.matchAll(/([^,(]+)(?:\(([^)]*)\))?,?/g)].map(([, keyword, argument]) => {
    const extension = EXTENSIONS.get(keyword!);
    if (extension === undefined) throw new Error(`what is "${keyword}"?`);
    return argument === undefined ? extension : extension.narrowed!(argument.replaceAll("_", " "));
  });
}
