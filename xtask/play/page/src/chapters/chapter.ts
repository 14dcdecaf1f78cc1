// What a chapter is, and what its goals look for in a state.
//
// Place: used by the chapters. Pure. Rule: a goal is recognized from what is shown, or from the
// account of the run, never from what the reader pressed: chance may reach it as well.

import type { Leg, State, UserOp } from "../api.js";

/** What a goal is asked about. */
export interface Seen {
  state: State;
  /** What was shown one step before, if the reader came from there. */
  before: State | null;
}

export interface Goal {
  text: string;
  reached(seen: Seen): boolean;
}

export interface Chapter {
  /** As the address names it. */
  id: string;
  title: string;
  /** The one idea. */
  idea: string;
  /** Paragraphs; `*so*` is emphasized, `` `so` `` is code. */
  text: string[];
  scenario: string;
  bug: string;
  /** The start position, as an address has it. */
  path: string;
  goals: Goal[];
  /** What is said once all goals are reached. */
  after: string[];
}

/** Whether a line of the account has all these words. */
export function told(state: State, ...words: (string | RegExp)[]): boolean {
  const has = (text: string) => (word: string | RegExp) =>
    typeof word === "string" ? text.includes(word) : word.test(text);
  return state.account.some(({ text }) => words.every(has(text)));
}

export function ended(state: State, op: string, how: UserOp["state"]): boolean {
  return state.user.some((user) => user.cmd.startsWith(op) && user.state === how);
}

/** What a leg would show of a region after its cache is written: the cache, where it has one. */
export function mark(leg: Leg, region: number) {
  const here = leg.regions[region];
  return here?.cache ?? here?.media ?? null;
}

/** Whether two legs hold different data somewhere. */
export function differ(state: State): boolean {
  const [first, ...others] = state.legs;
  const holds = (leg: Leg, at: number) => {
    const sector = leg.sectors[at];
    return (sector?.cache ?? sector?.media)?.text;
  };
  const length = first?.sectors.length ?? 0;
  const at = [...Array(length).keys()];
  return others.some((leg) => at.some((sector) => holds(leg, sector) !== holds(first!, sector)));
}

/** Whether some leg's medium says in a superblock that this member is `standing`. */
export function recorded(state: State, member: number, standing: string): boolean {
  return state.legs.some((leg) => leg.superblock.media?.members[member]?.startsWith(standing));
}
