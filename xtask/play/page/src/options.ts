// What may happen next, sorted by where it is shown, with the number key of each.
//
// Place: `store.ts` asks for it after each answer; lanes and the world's bar draw it. Pure.
// Rules: the first option of a request is the plain one, and stands on the request itself; the
// others are shown when the request is opened. While a request is open, the number keys are
// its alone.

import type { Option, State } from "./api.js";

/** An option, and the key that chooses it. */
export interface Choice {
  option: Option;
  /** 1 to 9, or none. */
  key: number | null;
}

/** What a request that waits in a leg may come to. */
export interface Ends {
  request: number;
  plain: Choice;
  others: Choice[];
}

export interface Choices {
  /** For each leg. */
  lanes: { requests: Ends[]; others: Choice[] }[];
  world: Choice[];
  /** By key. */
  keys: Map<number, Option>;
}

/** Which request's ends are shown. */
export interface Opened {
  leg: number;
  request: number;
}

const KEYS = 9;

/** Where the module can only say what happened by then: which answer is which. */
function label(state: State, option: Option, nth: number): string {
  const { what, options } = state.ask!;
  if (what === "a leg is absent") return nth === 0 ? "no (other) leg is missing" : "a leg is missing";
  if (what !== "which leg") return option.label;
  return options.length === state.legs.length ? `leg ${nth}` : `number ${nth + 1} of those there`;
}

/** Sorts and numbers what may happen next. */
export function choices(state: State, opened: Opened | null): Choices {
  const keys = new Map<number, Option>();
  const number = (option: Option, may: boolean): Choice => {
    const key = may && keys.size < KEYS ? keys.size + 1 : null;
    if (key !== null) keys.set(key, option);
    return { option, key };
  };
  const options = (state.ask?.options ?? []).map((it, nth) => ({
    ...it,
    label: label(state, it, nth),
  }));
  const lanes = state.legs.map((_, leg) => {
    const here = options.filter((option) => option.leg === leg);
    const groups = new Map<number, Option[]>();
    for (const option of here) {
      if (option.request === null) continue;
      groups.set(option.request, [...(groups.get(option.request) ?? []), option]);
    }
    const requests = [...groups].map(([request, [plain, ...others]]) => {
      const isOpen = opened?.leg === leg && opened.request === request;
      const may = opened === null || isOpen;
      return {
        request,
        plain: number(plain!, may),
        others: others.map((option) => number(option, isOpen)),
      };
    });
    const others = here.filter((option) => option.request === null);
    return { requests, others: others.map((option) => number(option, opened === null)) };
  });
  const world = options.filter((option) => option.leg === null);
  return { lanes, world: world.map((option) => number(option, opened === null)), keys };
}
