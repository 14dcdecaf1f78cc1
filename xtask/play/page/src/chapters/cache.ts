// Chapter: a cache that was lost.

import { told, type Chapter } from "./chapter.js";

export const cache: Chapter = {
  id: "cache",
  title: "A cache that was lost",
  idea: "A flush that succeeds proves nothing if the cache was lost before it.",
  text: [
    "A disk may reset itself: its cache is empty, and no request fails. The next flush succeeds, since there is nothing left to do. What was acknowledged before is gone.",
    "The driver counts the resets. The mirror takes such a leg out before it acknowledges anything more (R4), if another leg has the data.",
    "A write is complete on both legs, and in their caches. Let the client ask for a flush. In one leg open “or”, choose “goes wrong”, and let that leg lose its cache without a word.",
  ],
  scenario: "flush",
  bug: "",
  path: "0*133.1.0*4.1.0*11",
  goals: [
    {
      text: "A leg lost its cache",
      reached: ({ state }) => told(state, "loses its cache"),
    },
    {
      text: "The mirror noticed: that leg is out",
      reached: ({ state }) =>
        state.life === "running" &&
        told(state, "loses its cache") &&
        state.legs.some((leg) => leg.standing === "out" || leg.standing === "coming"),
    },
  ],
  after: [
    "If the last leg loses its cache, there is nothing to fall back to. Then the client is told: at least one later flush fails before any later flush succeeds.",
  ],
};
