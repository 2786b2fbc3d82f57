// What every server of ours that a bench starts has in common: it listens where it is told, answers questions, and ends with its parent.

/** @param {Record<string, (value: any) => unknown>} [questions] */
export function answers(questions = {}) {
  process.on("disconnect", () => process.exit());
  process.on("message", (/** @type {{ question: string, value: unknown }} */ { question, value }) => process.send?.(questions[question](value) ?? {}));
}

/** @param {import("node:net").Server} server */
export function listen(server) {
  server.listen({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 511 });
}
