// Chapter: write intent.

import { ended, type Chapter } from "./chapter.js";

export const intent: Chapter = {
  id: "intent",
  title: "Write intent",
  idea: "Say where you are about to write before you write there.",
  text: [
    "While a write is on its way, one leg has it and another does not. If the power fails then, the legs differ, and no one knows where.",
    "So each leg keeps a map with one mark for each region. Before data go to a leg, that leg's own map must say `DIRTY` on its medium: a write of the map, and a flush behind it (R1). A later write to the same region finds the mark there, and costs nothing more.",
    "Let the client write, and step slowly: watch the map in the cache, then on the medium, and only then the data.",
  ],
  scenario: "write",
  bug: "",
  path: "0*116",
  goals: [
    {
      text: "A map says DIRTY in a leg's volatile cache, not yet on the medium",
      reached: ({ state }) =>
        state.legs.some((leg) =>
          leg.regions.some((region) => region.cache?.dirty && !region.media.dirty),
        ),
    },
    {
      text: "A data write waits in a leg whose map is durably DIRTY",
      reached: ({ state }) =>
        state.legs.some(
          (leg) =>
            leg.regions.some(({ media }) => media.dirty) &&
            leg.waiting.some((it) => it.what === "data" && it.cmd === "write"),
        ),
    },
    {
      text: "The write is acknowledged",
      reached: ({ state }) => ended(state, "write", "done"),
    },
  ],
  after: [
    "The first write to a region costs a write and a flush of the map on each leg. That price is paid once for each region, not for each write.",
  ],
};
