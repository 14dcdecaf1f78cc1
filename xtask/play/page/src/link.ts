// The address: which run a link names, and where in it.
//
// Place: `store.ts` reads it at the start and when it changes, and writes it after each step.
// Pure. `#s=ID&b=BUG&p=0.1.2` is a run by the module's path, `&at=1` the first place in it
// behind its beginning. `#s=ID&seed=71` and `#s=ID&path=2.0.1` are runs as the simulator's
// replay lines name them: its own path leaves out what was no decision. `&c=ID` opens a chapter
// beside the run, and alone begins that chapter.

export interface Link {
  scenario: string | null;
  bug: string;
  chapter: string | null;
  path: number[] | null;
  /** The place in the run; null: its end. */
  at: number | null;
  /** A replay line of the simulator's: `seed=71`, `path=2.0.1`. */
  replay: string | null;
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
    replay: replay(words),
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
  if (link.replay) words.push(link.replay);
  if (link.path) add("p", link.path.join("."));
  add("at", link.at === null ? null : String(link.at));
  return `#${words.join("&")}`;
}

function number(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function replay(words: URLSearchParams): string | null {
  for (const key of ["seed", "path"]) {
    const value = words.get(key);
    if (value !== null && /^[\d.]*$/.test(value)) return `${key}=${value}`;
  }
  return null;
}

function numbers(text: string): number[] | null {
  if (text === "") return [];
  const all = text.split(".").map(number);
  return all.every((it) => it !== null) ? (all as number[]) : null;
}
