// A program as a bundler puts it together, where there is one.

import { peer, resolved } from "./peers.js";

export const hasBundler = resolved("esbuild") !== undefined;

/** One file for Node. @param {object} what esbuild's options: what it is made of @returns {Promise<{ contents: Uint8Array, text: string }>} */
export async function bundled(what) {
  const bundler = await peer("esbuild");
  const { outputFiles } = await bundler.build({ ...what, bundle: true, format: "esm", platform: "node", write: false, logLevel: "error" });
  return outputFiles[0];
}
