// Chapter: split brain.

import { recorded, type Chapter } from "./chapter.js";

export const split: Chapter = {
  id: "split",
  title: "Split brain",
  idea: "A half that may have been left behind does not start by itself.",
  text: [
    "The power failed, and only leg 1 is there now. Its superblock says that both legs were in sync. Perhaps leg 0 is broken. Perhaps it is in another machine, and goes on alone.",
    "If both halves went on, each would have writes that the other lacks, and no one could say which is right. So the mirror is *held*: it waits for the leg, or for a person (R8).",
    "Let the person start it with what is there, and let a client write. Then cut the power, choose what survives, and have leg 1 missing at the next start. Leg 0, alone, would start from old data: let it start, and see what it does. At last let the person plug all legs in.",
  ],
  scenario: "two-legs",
  bug: "",
  path: "0*133.1.0*4.1.0*12.1.0.1*5.0*17",
  goals: [
    {
      text: "A person started one half: its superblock has a new generation, without the other",
      reached: ({ state }) => state.life === "running" && recorded(state, 0, "out"),
    },
    {
      text: "The other half, alone, is held",
      reached: ({ state }) =>
        state.life === "held" && state.legs[1]?.presence === "gone" && recorded(state, 0, "out"),
    },
    {
      text: "With both there the mirror knows which half is ahead, and the other is rebuilt",
      reached: ({ state }) =>
        state.boots > 3 &&
        state.life === "running" &&
        state.legs.every(({ standing }) => standing === "in sync"),
    },
  ],
  after: [
    "The generation that the person's start made has the one before in its history: whoever has it is ahead (R10).",
    "Had a person started leg 0 as well, neither would be ahead of the other. Such halves are refused until a person says by `keep` which one counts. The simulated person never does that: here it cannot be reached.",
  ],
};
