// Chapter: a power cut and the map.

import { differ, type Chapter } from "./chapter.js";

export const cut: Chapter = {
  id: "cut",
  title: "A power cut and the map",
  idea: "A crash costs the copying of what may differ, and no more.",
  text: [
    "One leg has the new data, the other has the old. The client has heard of nothing yet: for a write that was never acknowledged, old and new are both right. But they must not *alternate*.",
    "The new data are in a volatile cache: a power cut may take them or leave them. Cut the power, choose what survives, and let w0 survive in leg 0 and not in leg 1. Then let the mirror start.",
    "At the start the maps say which regions may differ. Those are *unsettled*: they answer no read until they have been copied from one leg to the other, and flushed (R6, R7). The copying is delayed work: let time pass.",
  ],
  scenario: "write",
  bug: "",
  path: "0*133.1.0*4.1.0*6",
  goals: [
    {
      text: "The power failed while the legs differed",
      reached: ({ state, before }) => state.boots > 1 && before !== null && differ(before),
    },
    {
      text: "After the start a region is unsettled",
      reached: ({ state }) =>
        state.boots > 1 && state.legs.some((leg) => leg.memory.some((it) => it.unsettled)),
    },
    {
      text: "The legs are equal again, and nothing is unsettled",
      reached: ({ state }) =>
        state.boots > 1 &&
        state.life === "running" &&
        !differ(state) &&
        !state.legs.some((leg) => leg.memory.some((it) => it.unsettled)),
    },
  ],
  after: ["The region that was dirty was copied. The one that was clean was not even read."],
};
