// node pure-proxy.js PORT UPSTREAM: our relay.

import { PureProxy } from "../../dist/index.js";
import { answers } from "./answers.js";

answers();
const [port, upstream] = process.argv.slice(2).map(Number);
new PureProxy(["127.0.0.1", port], ["127.0.0.1", upstream], { hostname: "localhost", dataSizeLimit: 0 });
