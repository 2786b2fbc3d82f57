// Mailman's REST API: asked seldom, a little at a time, and believed only where it answers in the form that it should.

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { directory } from "../../../dist/servers/mailman/directory.js";
import { Rest } from "../../../dist/servers/mailman/rest.js";
import { freePort } from "../../client.js";

const test = suite("REST");

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const DOMAINS = { total_size: 2, entries: [{ mail_host: "example.test", alias_domain: null }, { mail_host: "virt.test", alias_domain: "x-virt.test" }] };

/** As Mailman: domains, and a list that is called ant. */
const asMailman: Answer = ({ url = "" }, response) => {
  const [, , collection, name = ""] = url.split("/");
  const list = decodeURIComponent(name);
  if (collection === "domains") return json(response, 200, DOMAINS);
  if (list === "ant@example.test") return json(response, 200, { fqdn_listname: list, list_id: "ant.example.test" });
  return json(response, 404, { title: "404 Not Found", description: "404 Not Found" });
};

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(typeof value === "string" ? value : JSON.stringify(value));
}

let server: Server;
let answer: Answer;
let asked: string[];
let atATime: number;
let most: number;
const sockets = new Set<Socket>();

test.before.each(async () => {
  answer = asMailman;
  asked = [];
  atATime = most = 0;
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    most = Math.max(most, ++atATime);
    response.on("close", () => (atATime -= 1));
    answer(request, response);
  });
  server.on("connection", (socket) => sockets.add(socket));
  await once(server.listen(0, "127.0.0.1"), "listening");
});

test.after.each(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await new Promise((resolve) => server.close(resolve));
});

function rest(options: { readonly answerMs?: number; readonly port?: number } = {}): Rest {
  const { port } = server.address() as AddressInfo;
  return new Rest({ https: false, host: "127.0.0.1", port, version: "3.1", user: "restadmin", password: "rest:päss", answerMs: 5_000, troubleMs: 100, ...options });
}

async function has(list: string, from = rest()): Promise<boolean> {
  return (await from.known()).has(list);
}

async function refusal(list = "ant@example.test", from = rest()): Promise<string> {
  return has(list, from).then(String, (error: Error) => `${error.name}: ${error.message}`);
}

test("a list that is there, and one that is not; with the password", async () => {
  answer = (request, response) => {
    assert.is(request.headers.authorization, `Basic ${Buffer.from("restadmin:rest:päss").toString("base64")}`);
    asMailman(request, response);
  };
  const known = await rest().known();
  assert.equal([...known.hosts], [["x-virt.test", "virt.test"], ["example.test", "example.test"], ["virt.test", "virt.test"]]);
  assert.is(await known.has("ant@example.test"), true);
  assert.is(await known.has("bee@example.test"), false);
  assert.equal(asked, ["/3.1/domains", "/3.1/lists/ant%40example.test", "/3.1/lists/bee%40example.test"]);
});

test("what was asked is not asked again, whether it was there or not", async () => {
  const one = rest();
  for (let times = 0; times < 3; times++) {
    assert.ok(await has("ant@example.test", one));
    assert.not.ok(await has("bee@example.test", one));
  }
  assert.is(asked.length, 3);
});

test("an address of no domain of Mailman's costs no question, nor does one that is no list's", async () => {
  const known = directory(() => one.known(), { delimiter: "+", classic: false });
  const one = rest();
  const lookup = async (localPart: string, domain: string): Promise<string | undefined> => (await known.lookup({ sourceRoute: [], localPart, domain }))?.list;
  assert.is(await lookup("ant", "elsewhere.test"), undefined);
  for (const name of ["ant/../../system", "ant?x", "ant#x", "../domains", "%2e%2e", '"ant x"', "ant@x", ""]) assert.is(await lookup(name, "example.test"), undefined, name);
  assert.equal(asked, ["/3.1/domains"]);
  assert.is(await lookup("Ant-Request+x", "EXAMPLE.test"), "ant@example.test");
});

test("one question for many who ask it, and two at a time", async () => {
  answer = (request, response) => void setTimeout(() => asMailman(request, response), 5);
  const one = rest();
  const names = Array.from({ length: 60 }, (_, nth) => `list${nth % 20}@example.test`);
  assert.equal([...new Set(await Promise.all(names.map((name) => has(name, one))))], [false]);
  assert.is(asked.length, 21);
  assert.is(most, 2);
});

test("more than wait at a time cannot be told, and those who wait get their answer", async () => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  answer = (request, response) => void (request.url === "/3.1/domains" ? Promise.resolve() : held).then(() => asMailman(request, response));
  const one = rest();
  const known = await one.known();
  const all = Promise.allSettled(Array.from({ length: 300 }, (_, nth) => known.has(`list${nth}@example.test`)));
  await new Promise((resolve) => setTimeout(resolve, 20));
  release();
  const outcomes = (await all).map(({ status }) => status);
  assert.is(outcomes.filter((status) => status === "fulfilled").length, 202);
  assert.is(outcomes.filter((status) => status === "rejected").length, 98);
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.is(await known.has("ant@example.test"), true);
});

const NO_ANSWERS: { readonly [what: string]: readonly [Answer, RegExp] } = {
  "another password": [(_, response) => json(response, 401, { title: "401 Unauthorized" }), /answers 401: its user or password is another$/],
  "an error": [(_, response) => json(response, 500, "A server error occurred."), /answers 500$/],
  "no JSON": [(_, response) => json(response, 200, "<html>"), /answers what is no JSON$/],
  "a 404 that is no JSON": [(_, response) => json(response, 404, "<html>"), /answers what is no JSON$/],
  "nothing of the kind there": [(_, response) => json(response, 404, { title: "404 Not Found" }), /does not answer in the form/],
  "null": [(_, response) => json(response, 200, "null"), /does not answer in the form/],
  "a list in the place of an object": [(_, response) => json(response, 200, []), /does not answer in the form/],
  "entries that are none": [(_, response) => json(response, 200, { total_size: 1, entries: "x" }), /does not answer in the form/],
  "an entry without its name": [(_, response) => json(response, 200, { total_size: 1, entries: [{}] }), /does not answer in the form/],
  "an entry that is none": [(_, response) => json(response, 200, { total_size: 1, entries: [null] }), /does not answer in the form/],
  "another list": [({ url }, response) => json(response, 200, url === "/3.1/domains" ? DOMAINS : { fqdn_listname: "bee@example.test" }), /speaks of another list than "ant@example.test"$/],
  "half an answer": [(_, response) => void response.writeHead(200, { "content-length": "100" }).write("{", () => response.destroy()), /cannot be asked|breaks off/],
  "a reset": [({ socket }) => void socket.resetAndDestroy(), /cannot be asked \(ECONNRESET\)$/],
  "an answer without end": [(_, response) => void flood(response), /cannot be asked|breaks off/],
};

function flood(response: ServerResponse): void {
  response.writeHead(200);
  const more = (): void => {
    if (!response.destroyed) response.write(Buffer.alloc(100_000, " "), () => setImmediate(more));
  };
  more();
}

for (const [what, [wrong, expected]] of Object.entries(NO_ANSWERS)) {
  test(`cannot tell: ${what}`, async () => {
    answer = wrong;
    const one = rest();
    const said = await refusal("ant@example.test", one);
    assert.match(said, /^CannotTell: Mailman's REST API /);
    assert.match(said, expected);
    assert.not.match(said, /päss/);
    answer = asMailman;
    const questions = asked.length;
    assert.is(await refusal("ant@example.test", one), said);
    assert.is(asked.length, questions, "it is not asked again at once");
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.is(await refusal("ant@example.test", one), "true", "it can tell again");
  });
}

test("cannot tell: no answer in time, nobody there", async () => {
  answer = () => {};
  assert.match(await refusal("ant@example.test", rest({ answerMs: 50 })), /cannot be asked \(no answer in time\)$/);
  assert.match(await refusal("ant@example.test", rest({ port: await freePort() })), /cannot be asked \(ECONNREFUSED\)$/);
});

test("no domain at all", async () => {
  answer = (_, response) => json(response, 200, { start: 0, total_size: 0 });
  assert.is((await rest().known()).hosts.size, 0);
});

test.run();
