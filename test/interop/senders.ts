// Programs that send mail, over TLS, and with a login if they are asked to: how each is told, and how it ends.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { have, run, type Ran } from "./tools.js";

export interface Login { readonly mechanism: string; readonly user: string; readonly secret: string }

export const TLS = ["STARTTLS", "implicit"] as const;

export interface How {
  readonly port: number;
  readonly tls: (typeof TLS)[number];
  /** Whom it trusts. */
  readonly caFile: string;
  readonly login?: Login;
}

export interface Ended {
  /** 0: it went well. */
  readonly code: number | string | null;
  readonly said: string;
}

export interface Sender {
  /** Why it cannot be asked. */
  readonly missing: () => string | undefined;
  readonly send: (how: How) => Promise<Ended>;
  /** Of AUTH, those that it has. */
  readonly mechanisms: readonly string[];
  /** How it ends where it does not trust the server's certificate; and where it is not let in. */
  readonly distrusts: Ended["code"];
  readonly notLetIn: Ended["code"];
}

export const FROM = "a@example.com";
export const TO = "b@example.org";
/** 8-bit text, dots, and no last line end: nearly all programs make the same of it. */
const LETTER = Buffer.from(`From: <${FROM}>\nTo: <${TO}>\nSubject: test\nContent-Type: text/plain; charset=utf-8\n\nGrüße, 你好\n.\n..dot\nthe end`);
/** As it has to come, one character an octet. */
export const ON_THE_WIRE = `${LETTER.toString("latin1").replaceAll("\n", "\r\n")}\r\n`;

export const BY_TOKEN: readonly string[] = ["XOAUTH2", "OAUTHBEARER"];

interface Command extends Omit<Sender, "missing" | "send"> {
  /** Commands that have to work. */
  readonly needs: readonly (readonly [program: string, ...args: string[]])[];
  readonly run: (how: How) => Promise<Ran>;
}

const command = ({ needs, ...sender }: Command): Sender => ({
  ...sender,
  missing: () => needs.filter((each) => !have(...each)).map((each) => `this does not work: ${each.join(" ")}`)[0],
  send: async (how) => {
    const { code, stdout, stderr } = await sender.run(how);
    return { code, said: stdout + stderr };
  },
});

const SMTPLIB = `
import json, smtplib, ssl, sys
how = json.loads(sys.argv[1])
data = sys.stdin.buffer.read().replace(b"\\n", b"\\r\\n")
context = ssl.create_default_context(cafile=how["caFile"])
if how["tls"] == "implicit": client = smtplib.SMTP_SSL("127.0.0.1", how["port"], context=context)
else: client = smtplib.SMTP("127.0.0.1", how["port"])
with client:
    if how["tls"] == "STARTTLS": client.starttls(context=context)
    login = how.get("login")
    if login:
        client.ehlo()
        client.user, client.password = login["user"], login["secret"]
        client.auth(login["mechanism"], getattr(client, "auth_" + login["mechanism"].lower().replace("-", "_")))
    client.sendmail("${FROM}", ["${TO}"], data)
`;

const curl = (...extra: readonly string[]): Sender => command({
  needs: [["curl"]],
  run: ({ port, tls, caFile, login }) => {
    const secret = login === undefined ? [] : BY_TOKEN.includes(login.mechanism) ? ["--user", `${login.user}:`, "--oauth2-bearer", login.secret] : ["--user", `${login.user}:${login.secret}`];
    const security = [...(tls === "STARTTLS" ? ["--ssl-reqd"] : []), "--cacert", caFile, ...(login === undefined ? [] : ["--login-options", `AUTH=${login.mechanism}`])];
    const where = `${tls === "implicit" ? "smtps" : "smtp"}://127.0.0.1:${port}/client.example`;
    return run("curl", ["-v", "-sS", "--crlf", ...extra, where, ...security, ...secret, "--mail-from", FROM, "--mail-rcpt", TO, "--upload-file", "-"], LETTER);
  },
  mechanisms: ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER"],
  distrusts: 60, // CURLE_PEER_FAILED_VERIFICATION
  notLetIn: 67, // CURLE_LOGIN_DENIED
});

export interface Transport {
  sendMail(mail: object): Promise<{ readonly accepted: readonly string[]; readonly rejected: readonly string[]; readonly response: string }>;
  close(): void;
}

/** Finds what `npm ci` has put into this folder. */
const require = createRequire(new URL("../../test/interop/", import.meta.url));

export function nodemailer(options: object): Transport {
  return (require("nodemailer") as { createTransport(options: object): Transport }).createTransport({ host: "127.0.0.1", ...options });
}

/** How it ended: with the code of an error, if there was one. */
async function sent(transport: Transport, mail: object): Promise<Ended> {
  try {
    return { code: 0, said: (await transport.sendMail(mail)).response };
  } catch (error) {
    return { code: (error as { code?: string }).code ?? null, said: String(error) };
  } finally {
    transport.close();
  }
}

export const noNodemailer = (): string | undefined =>
  existsSync(new URL("../../test/interop/node_modules/nodemailer", import.meta.url)) ? undefined : "npm ci was not run in test/interop";

export const SENDERS: { readonly [name: string]: Sender } = {
  "swaks": command({
    needs: [["swaks"], ["perl", "-MNet::SSLeay", "-e", "1"]],
    run: ({ port, tls, caFile, login }) => run("swaks", [
      "--server", `127.0.0.1:${port}`, "--from", FROM, "--to", TO, "--data", "-",
      tls === "implicit" ? "--tls-on-connect" : "--tls", "--tls-verify", "--tls-ca-path", caFile,
      ...(login === undefined ? [] : ["--auth", login.mechanism, "--auth-user", login.user, "--auth-password", login.secret]),
    ], LETTER),
    mechanisms: ["PLAIN", "LOGIN", "CRAM-MD5"],
    distrusts: 29,
    notLetIn: 28,
  }),
  "curl": curl(),
  "curl, a response with AUTH": curl("--sasl-ir"),
  "smtplib": command({
    needs: [["python3"]],
    run: (how) => run("python3", ["-c", SMTPLIB, JSON.stringify(how)], LETTER),
    mechanisms: ["PLAIN", "LOGIN", "CRAM-MD5"],
    distrusts: 1,
    notLetIn: 1,
  }),
  "msmtp": command({
    needs: [["msmtp"]],
    run: ({ port, tls, caFile, login }) => run("msmtp", [
      "--host=127.0.0.1", `--port=${port}`, `--from=${FROM}`, "--set-from-header=off", "--set-date-header=off", "--set-msgid-header=off",
      "--tls=on", `--tls-starttls=${tls === "STARTTLS" ? "on" : "off"}`, `--tls-trust-file=${caFile}`,
      ...(login === undefined ? [] : [`--auth=${login.mechanism.toLowerCase()}`, `--user=${login.user}`, `--passwordeval=printf %s '${login.secret}'`]),
      "--", TO,
    ], LETTER),
    mechanisms: ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER"],
    distrusts: 69, // EX_UNAVAILABLE
    notLetIn: 77, // EX_NOPERM
  }),
  "nodemailer": {
    missing: noNodemailer,
    send: ({ port, tls, caFile, login }) => {
      const byToken = login !== undefined && BY_TOKEN.includes(login.mechanism);
      const auth = login && { user: login.user, ...(byToken ? { type: "OAuth2", accessToken: login.secret } : { pass: login.secret }) };
      const options = { port, secure: tls === "implicit", requireTLS: tls === "STARTTLS", authMethod: login?.mechanism, auth, tls: { ca: readFileSync(caFile) } };
      return sent(nodemailer(options), { envelope: { from: FROM, to: [TO] }, raw: LETTER });
    },
    mechanisms: ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"],
    distrusts: "ESOCKET",
    notLetIn: "EAUTH",
  },
  "openssl s_client, BDAT by hand": command({
    needs: [["openssl", "version"]],
    run: ({ port, tls, caFile }) => {
      const [one, two] = [ON_THE_WIRE.slice(0, 50), ON_THE_WIRE.slice(50)]; // in the middle of a line
      const said = `EHLO client.example\r\nMAIL FROM:<${FROM}> BODY=8BITMIME\r\nRCPT TO:<${TO}>\r\nBDAT ${one.length}\r\n${one}BDAT ${two.length}\r\n${two}BDAT 0 LAST\r\nQUIT\r\n`;
      const starttls = tls === "STARTTLS" ? ["-starttls", "smtp"] : [];
      return run("openssl", ["s_client", "-quiet", "-verify_return_error", "-verify_ip", "127.0.0.1", "-CAfile", caFile, ...starttls, "-connect", `127.0.0.1:${port}`], Buffer.from(said, "latin1"));
    },
    mechanisms: [],
    distrusts: 1,
    notLetIn: 1,
  }),
};
