// Chapter: a stale leg.

import { recorded, told, type Chapter } from "./chapter.js";

export const stale: Chapter = {
  id: "stale",
  title: "A stale leg",
  idea: "A disk that was away must never be taken for the newest.",
  text: [
    "A leg is gone, and the mirror goes on without it. When the machine starts next, both disks are there, and each calls itself in sync. Which one is right?",
    "A counter would not tell: each disk can count. So the time between two changes of who is in sync has a random name, its *generation*. The superblocks of the legs that stay get a new one, and remember the one before.",
    "Whoever has the other's generation in its history is ahead (R10). The other one is stale: it is rebuilt, and answers nothing until then.",
    "Leg 1 has just left. Let leg 0 complete what waits in it, until its superblock shows ✕ for leg 1 in a new generation. Then cut the power, and let the mirror start with both legs.",
  ],
  scenario: "two-legs",
  bug: "",
  path: "0*133.1.0*4.1.0*4.1.1.4.0.0",
  goals: [
    {
      text: "A leg is out, and the other's superblock durably says so",
      reached: ({ state }) => state.legs.some((_, member) => recorded(state, member, "out")),
    },
    {
      text: "Both legs are there, and the stale one is not believed",
      reached: ({ state }) =>
        state.life === "running" &&
        state.legs.every((leg) => leg.presence === "ready") &&
        state.legs.some((leg) => leg.standing === "coming" || leg.standing === "out") &&
        told(state, /there again|starts anew|crashes|plugs/),
    },
    {
      text: "It was rebuilt, and is in sync",
      reached: ({ state }) =>
        state.life === "running" &&
        state.legs.every((leg) => leg.standing === "in sync") &&
        told(state, /there again|starts anew|crashes|plugs/),
    },
  ],
  after: [
    "Only what the leg missed was copied: the maps of the others had it marked, region by region.",
  ],
};
