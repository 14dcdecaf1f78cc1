// The eight chapters, in the order in which to play them.
//
// Place: `store.ts` begins one, `view/chapters.tsx` shows it. Each chapter has a file with its
// text, its start position and its goals. A start position is a path of the simulator: if the
// simulator changes what it asks, the tests of the page say which one leads elsewhere.

import type { Chapter } from "./chapter.js";
import { read } from "./read.js";
import { every } from "./every.js";
import { intent } from "./intent.js";
import { cut } from "./cut.js";
import { stale } from "./stale.js";
import { parked } from "./parked.js";
import { split } from "./split.js";
import { cache } from "./cache.js";

export type { Chapter } from "./chapter.js";

export const CHAPTERS: Chapter[] = [read, every, intent, cut, stale, parked, split, cache];

/** The chapter of that identity; for null the first. */
export function chapterOf(id: string | null): Chapter | null {
  if (id === null) return CHAPTERS[0] ?? null;
  return CHAPTERS.find((chapter) => chapter.id === id) ?? null;
}
