// The address: which run a link names, and where in it.
//
// Place: `store.ts` reads it at the start and when it changes, and writes it after each step.
// Pure. A path is written with dots, and `0*7` for seven zeroes. `#s=ID&b=BUG&p=0.1.2` is a run by the module's path, `&at=1` the first place in it
// behind its beginning. `#s=ID&seed=71` and `#s=ID&path=2.0.1` are runs as the simulator's
// replay lines name them (so does `&r=seed=71`): its own path leaves out what was no decision. `&c=ID` opens a chapter
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
    path: path === null ? null : unpack(path),
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
  if (link.path) words.push(`p=${pack(link.path)}`);
  add("at", link.at === null ? null : String(link.at));
  return `#${words.join("&")}`;
}

function number(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function replay(words: URLSearchParams): string | null {
  const line = words.get("r") ?? "";
  if (/^(seed|path)=[\d.]*$/.test(line)) return line;
  for (const key of ["seed", "path"]) {
    const value = words.get(key);
    if (value !== null && /^[\d.]*$/.test(value)) return `${key}=${value}`;
  }
  return null;
}

/** So many equal numbers are written as one. */
const REPEATS_MIN = 4;

/** No run has a longer path: what a link asks for has a limit. */
const PATH_MAX = 1_000_000;

/** A path in few letters: `0*96.2.0.1`. */
export function pack(path: number[]): string {
  const words: string[] = [];
  for (let at = 0; at < path.length;) {
    let end = at;
    while (path[end] === path[at]) end++;
    const word = String(path[at]);
    const count = end - at;
    if (count >= REPEATS_MIN) words.push(`${word}*${count}`);
    else words.push(...Array<string>(count).fill(word));
    at = end;
  }
  return words.join(".");
}

/** The path that is written so; null if it is none. */
export function unpack(text: string): number[] | null {
  const path: number[] = [];
  for (const word of text === "" ? [] : text.split(".")) {
    const [value, count] = word.split("*").map(number);
    if (value == null || count === null) return null;
    if (path.length + (count ?? 1) > PATH_MAX) return null;
    for (let at = 0; at < (count ?? 1); at++) path.push(value);
  }
  return path;
}
