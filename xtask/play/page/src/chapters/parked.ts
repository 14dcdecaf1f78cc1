// Chapter: the acknowledgement that waits.

import { ended, recorded, type Chapter } from "./chapter.js";

export const parked: Chapter = {
  id: "parked",
  title: "The acknowledgement that waits",
  idea: "An exclusion is durable before anything is acknowledged.",
  text: [
    "A leg fails a write. It is out at once, and the other leg has the data. Is the write done?",
    "Not yet. Both superblocks still say that both legs are in sync. If the power failed now and only the failed leg came back, it would be believed, and the write would be gone.",
    "So the write is *parked*: it has ended on all legs, and the client hears nothing before the superblock of the leg that stays durably says that the other one is out (R4).",
    "A write waits in both legs. Let it complete in leg 0. In leg 1, open “or”, choose “goes wrong”, and let it fail. Then look at the client while leg 0 writes its superblock and flushes it.",
  ],
  scenario: "write",
  bug: "",
  path: "0*133.1.0*4.1.0",
  goals: [
    {
      text: "A write is parked",
      reached: ({ state }) => state.requests.some((request) => request.phase.includes("parked")),
    },
    {
      text: "The client heard of it only when the superblock was durable",
      reached: ({ state }) =>
        ended(state, "write", "done") &&
        state.legs.some((_, member) => recorded(state, member, "out")),
    },
  ],
  after: [
    "A failing disk costs one superblock write and one flush, once. Every write in flight waits for the same one.",
  ],
};
