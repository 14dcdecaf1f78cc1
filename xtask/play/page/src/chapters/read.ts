// Chapter: a read that fails.

import { ended, told, type Chapter } from "./chapter.js";

export const read: Chapter = {
  id: "read",
  title: "A read that fails",
  idea: "One bad sector does not condemn a disk.",
  text: [
    "A client reads a sector. Every leg in sync holds the same, so the mirror asks only one of them.",
    "If that leg reports an error of its medium, the same request goes to the next leg, with the same memory. The client hears of an error only if all legs have failed.",
    "Let the client ask. Then open the read that waits in a leg, and let it fail.",
  ],
  scenario: "read",
  bug: "",
  path: "0*150",
  goals: [
    {
      text: "A read failed on a leg",
      reached: ({ state }) => told(state, /leg \d+: read .* fails/),
    },
    {
      text: "The client got its answer from the other leg",
      reached: ({ state }) => told(state, /leg \d+: read .* fails/) && ended(state, "read", "done"),
    },
  ],
  after: [
    "The client waited for two disks instead of one, and never saw the error.",
    "Let time pass, until the mirror has a request of its own. It writes the good data over the bad sector, and reads it again (rule R13).",
  ],
};
