// The address: which run a link names, and where in it.
//
// Place: `store.ts` reads it at the start and when it changes, and writes it after each step.
// Pure. `#s=ID&b=BUG&p=0.1.2` is a run by its path, as the simulator prints it; `&at=1` stands
// after its first step; `#s=ID&seed=N` is the run that chance makes of a seed; `&c=ID` opens a
// chapter beside it, and alone begins that chapter.

export interface Link {
  scenario: string | null;
  bug: string;
  chapter: string | null;
  path: number[] | null;
  /** How many steps are behind; null: all. */
  at: number | null;
  seed: number | null;
}

/** What the part behind `#` says. What cannot be read is left out. */
export function parse(hash: string): Link {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const path = words.get("p");
  return {
    scenario: words.get("s"),
    bug: words.get("b") ?? "",
    chapter: words.get("c"),
    path: path === null ? null : numbers(path),
    at: number(words.get("at")),
    seed: number(words.get("seed")),
  };
}

/** The shortest text that says the same. */
export function format(link: Link): string {
  const words: string[] = [];
  const add = (key: string, value: string | null) => {
    if (value !== null) words.push(`${key}=${encodeURIComponent(value)}`);
  };
  add("c", link.chapter);
  add("s", link.scenario);
  add("b", link.bug || null);
  add("seed", link.seed === null ? null : String(link.seed));
  if (link.path) add("p", link.path.join("."));
  add("at", link.at === null ? null : String(link.at));
  return `#${words.join("&")}`;
}

function number(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** `path=2.0.1` as the simulator prints it is understood as well as `2.0.1`. */
function numbers(text: string): number[] | null {
  const plain = text.replace(/^path=/, "");
  if (plain === "") return [];
  const all = plain.split(".").map(number);
  return all.every((it) => it !== null) ? (all as number[]) : null;
}
