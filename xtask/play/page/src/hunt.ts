// The hunt: runs by chance, until one breaks a promise.
//
// Place: driven by `view/hunt.tsx`. Rules: it goes in chunks that take a fraction of a second
// each, so that it can be stopped, and so that the worker answers other questions between them.
// The module itself shortens what it finds. A chunk in which the module panics is gone through
// run by run: the seed is what a person needs.

import { Panic, type Engine } from "./engine.js";
import type { Found } from "./api.js";

/** How long a chunk should take, in milliseconds. */
const CHUNK_MS = 150;

const RUNS_FIRST = 8;
const RUNS_MAX = 4096;

export interface Progress {
  runs: number;
  steps: number;
}

export type End =
  | { how: "found"; found: NonNullable<Found["found"]> }
  | { how: "panic"; seed: number; text: string }
  | { how: "stopped" };

/** Searches from `seed` on, until something is found or `isOver` says so. */
export async function hunt(
  engine: Engine,
  scenario: string,
  bug: string,
  seed: number,
  isOver: () => boolean,
  tell: (progress: Progress) => void,
): Promise<End> {
  const progress = { runs: 0, steps: 0 };
  let runs = RUNS_FIRST;
  while (!isOver()) {
    const begun = performance.now();
    let answer: Found;
    try {
      answer = await engine.ask({ do: "search", scenario, bug, seed, runs });
    } catch (why) {
      if (!(why instanceof Panic)) throw why;
      if (runs === 1) return { how: "panic", seed, text: why.message };
      runs = 1;
      continue;
    }
    seed += runs;
    progress.runs += answer.runs;
    progress.steps += answer.steps;
    tell({ ...progress });
    if (answer.found) return { how: "found", found: answer.found };
    const took = performance.now() - begun;
    if (took < CHUNK_MS / 2) runs = Math.min(runs * 2, RUNS_MAX);
    else if (took > CHUNK_MS * 2) runs = Math.max(1, runs >> 1);
  }
  return { how: "stopped" };
}
