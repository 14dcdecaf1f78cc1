// Chapter: every leg must report.

import { ended, type Chapter } from "./chapter.js";

export const every: Chapter = {
  id: "every",
  title: "Every leg must report",
  idea: "A write is acknowledged by the last leg, not by the first.",
  text: [
    "There is a faster design: write to a primary disk, tell the client that all is well, and let the other disk have its copy a little later. The sketch of 2011 that this mirror follows rejects it.",
    "Here is why. In this chapter the rule is *taken out*: the mirror acknowledges a write as soon as one leg has reported.",
    "Let the client write. Let one leg complete, and look at what the client was told. Then find an end that the client would not forgive: the leg that has the write may fail, or the power may.",
  ],
  scenario: "write",
  bug: "2546902088",
  path: "",
  goals: [
    {
      text: "The client was told “done” while a leg had not reported",
      reached: ({ state }) =>
        ended(state, "write", "done") &&
        state.legs.some((leg) =>
          leg.waiting.some((it) => it.what === "data" && (it.cmd === "write" || it.cmd === "fua")),
        ),
    },
    {
      text: "A promise was broken",
      reached: ({ state }) => state.over === "violation",
    },
  ],
  after: [
    "Nothing unusual happened: one disk was slow, another failed. A mirror is there for exactly that.",
    "With the rule in place the write would be on every leg in sync, or the leg that lacks it would be out, before the client hears of it (R3, R4).",
  ],
};
