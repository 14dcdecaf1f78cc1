// Chapter: split brain.

import { told, type Chapter } from "./chapter.js";

export const split: Chapter = {
  id: "split",
  title: "Split brain",
  idea: "Two halves of which each has what the other lacks: no one can say which is right.",
  text: [
    "The mirror ran on one leg, without the other. Then the machine was started with only the other, and a person told it to go on. Now each half has writes that the other has not.",
    "Neither superblock has the other's generation in its history. A mirror that chose by itself would throw acknowledged writes away.",
    "So the start is *refused*, and a person says which half to keep.",
  ],
  scenario: "two",
  bug: "",
  path: [],
  goals: [
    {
      text: "The start is refused",
      reached: ({ state }) => {
        
        return state.life === "refused";
      },
    },
    {
      text: "A person chose, and the mirror runs",
      reached: ({ state }) => {
        
        return state.life === "running" && told(state, /refuse|keep/i);
      },
    },
  ],
  after: [
    "What was decided is written into the history: the question is not asked again of a disk that turns up later.",
  ],
};
