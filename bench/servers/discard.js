// node discard.js PORT [profiled]: our server. It takes every message and keeps none.

import { SMTPServer } from "../../dist/index.js";
import { answers } from "./answers.js";

const CONNECTIONS = 10_000;
const SESSION = { body: () => {}, message: () => {} };

class Discard extends SMTPServer {
  session() {
    return SESSION;
  }
}

answers(process.argv[3] === "profiled" ? (await import("./profiling.js")).questions : {});
new Discard(["127.0.0.1", Number(process.argv[2])], undefined, { hostname: "localhost", dataSizeLimit: 0, maxConnections: CONNECTIONS });
