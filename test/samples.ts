// Values of the parameters of MAIL and RCPT.

export interface Samples {
  /** As they are read. Undefined: the parameter without a value. */
  readonly good: readonly (string | undefined)[];
  readonly bad: readonly (string | undefined)[];
}

/** By command and keyword, for every extension that comes with the engine. */
export const SAMPLES: { readonly [parameter: string]: Samples } = {
  "MAIL SIZE": { good: ["0", "1000"], bad: [undefined, "1k", "-1", "9".repeat(21)] },
  "MAIL BODY": { good: ["7BIT", "8BITMIME"], bad: [undefined, "9BIT"] },
  "MAIL SMTPUTF8": { good: [undefined], bad: ["yes"] },
  "MAIL RET": { good: ["FULL", "HDRS"], bad: [undefined, "NONE", "FULL,HDRS"] },
  "MAIL ENVID": { good: ["QQ314159", "a+20+2B+3D+09b", "x".repeat(94)], bad: [undefined, "x".repeat(95), "+", "a+2", "a+2b", "+G0", "+0D+0A", "+00", "+7F", "+C3+A9", "+FF"] },
  "MAIL AUTH": {
    good: ["<>", "e+3Dmc2@example.com", "john+2B@example.org", "+22two+20words+22@example.org", "x@[IPv6:2001:db8::1]"],
    bad: [undefined, "somebody", "<a@b>", "a@b,c@d", "john+@example.org", "e=mc2@example.com", "a@b+0D+0A", "a@b+20", "+"],
  },
  "MAIL REQUIRETLS": { good: [undefined], bad: ["1"] },
  "MAIL MT-PRIORITY": { good: ["-9", "-1", "0", "1", "9"], bad: [undefined, "10", "-10", "-0", "+1", "00", "1.5", "a"] },
  "MAIL BY": { good: ["120;R", "+120;R", "0;N", "-999999999;NT", "1;RT"], bad: [undefined, "120", "120;", "120;X", "0;R", "-1;R", "1000000000;N", "1;TN", ";N", "1.5;N", "1;N;T"] },
  "MAIL HOLDFOR": { good: ["1", "999999999"], bad: [undefined, "0", "01", "-1", "1000000000", "1s"] },
  "MAIL HOLDUNTIL": {
    good: ["2029-02-28T23:59:60Z", "2028-02-29T00:00:00Z", "2000-02-29T00:00:00.25Z"],
    bad: [undefined, "2029-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2029-01-01T00:00:00+00:00", "2029-01-01T00:00:00.125Z", "2029-01-01", "2029-13-01T00:00:00Z", "2029-00-01T00:00:00Z", "2029-01-00T00:00:00Z"],
  },
  "MAIL SOLICIT": { good: ["net.example:ADV", "a,b_c,d-e.f:g", "x".repeat(1000)], bad: [undefined, "x".repeat(1001), ",", "a,", "1a", "a,:b", "a+b"] },
  "RCPT NOTIFY": { good: ["NEVER", "SUCCESS", "DELAY,FAILURE,SUCCESS"], bad: [undefined, "ALWAYS", "NEVER,SUCCESS", "SUCCESS,,DELAY", ",", "SUCCESS,"] },
  "RCPT ORCPT": {
    good: ["rfc822;Bob@Example.COM", "rfc822;a+2Bb@example.com", "x400;+20a", "utf-8;j\\x{FC}rgen@example.com", "rfc822;+C3+BC", `x;${"x".repeat(492)}`],
    bad: [undefined, "Bob@Example.COM", ";a@b", "rfc822", "rfc,822;a", "rfc822;+0A", "rfc822;a+b", "rfc822;+C3", `x;${"x".repeat(493)}`],
  },
  "RCPT RRVS": {
    good: ["2014-04-03T23:01:00Z", "2014-04-03T23:01:00Z;C", "2014-04-03T23:01:00-07:30;R"],
    bad: [undefined, "2014-04-03T23:01:00.5Z", "2014-04-03T24:01:00Z", "2014-04-03T23:60:00Z", "2014-04-03T23:01:61Z", "2014-04-03T23:01:00+24:00", "2014-04-03T23:01:00+01:60", "2014-04-03T23:01:00Z;X", "2014-04-03T23:01:00Z;R;C", "2014-04-03T23:01:00Z;", "2014-04-03T23:01:00"],
  },
};
