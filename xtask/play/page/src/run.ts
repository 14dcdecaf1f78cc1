// A run that is known, and the places in it at which one can stand.
//
// Place: `store.ts` keeps one; the scrubber shows it. Pure. Rule: a place is a length of the
// path. A step may be decided piece by piece: then its pieces are places too, until it is made.

import type { State } from "./api.js";

export interface Run {
  path: number[];
  /** Ascending; the first is the beginning, the last the end of the path. */
  places: number[];
}

/** The run that a state is the end of; `before` stands where the last thing was decided. */
export function runOf(state: State, before: State | null = null): Run {
  const places = new Set([0, ...state.marks, state.path.length]);
  // In the middle of a step: its beginning is no mark yet.
  if (before?.step === state.step) places.add(before.path.length);
  return { path: state.path, places: [...places].sort((a, b) => a - b) };
}

/** The place at which `state` stands in `run`: that of its length, or the last before. */
export function placeOf(run: Run, state: State): number {
  const beyond = run.places.findIndex((place) => place > state.path.length);
  return (beyond < 0 ? run.places.length : beyond) - 1;
}

export function pathTo(run: Run, place: number): number[] {
  return run.path.slice(0, run.places[place] ?? run.path.length);
}

export function lastPlace(run: Run): number {
  return run.places.length - 1;
}
