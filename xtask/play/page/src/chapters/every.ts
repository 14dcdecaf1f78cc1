// Chapter: every leg must report.

import { differ, ended, type Chapter } from "./chapter.js";

export const every: Chapter = {
  id: "every",
  title: "Every leg must report",
  idea: "A write is acknowledged by the last leg, not by the first.",
  text: [
    "There is a faster design: write to a primary disk, tell the client that all is well, and let the other disk have its copy later. The sketch of 2011 that this mirror follows rejects it.",
    "Here is why. In this chapter the rule is *taken out*: a write goes to the first leg, and is acknowledged when that one has reported. The other leg waits for its copy, and both are still called in sync.",
    "Let the client write, and look at what it was told and at what leg 1 holds. Then let it read, and let leg 0 fail the read. A mirror is there for exactly that.",
  ],
  scenario: "read",
  bug: "1062890520",
  path: "0*116",
  goals: [
    {
      text: "The client was told “done”, and only one leg has the data",
      reached: ({ state }) =>
        ended(state, "write", "done") &&
        differ(state) &&
        state.legs.every(({ standing }) => standing === "in sync"),
    },
    {
      text: "The write is lost: a promise is broken",
      reached: ({ state }) => state.over === "violation",
    },
  ],
  after: [
    "Nothing unusual happened: one bad sector. Yet an acknowledged write is gone, and the client was never told.",
    "With the rule in place the client hears of nothing before every leg has reported. By then each leg in sync has the write, and a leg that lacks it is out (R3, R4).",
  ],
};
