// Questions to a server under V8's profiler: begin, and what was seen until now.

import { Session } from "node:inspector";

const session = new Session();
session.connect();
session.post("Profiler.enable");

export const questions = {
  /** @param {number} interval in microseconds */
  begin: (interval) => {
    session.post("Profiler.setSamplingInterval", { interval });
    session.post("Profiler.start");
  },
  end: () => {
    /** @type {import("node:inspector").Profiler.Profile | undefined} */
    let profile;
    session.post("Profiler.stop", (_, result) => (profile = result.profile)); // it is called at once
    return profile;
  },
};
