// The keys: every action of the stage without a mouse.
//
// Place: `main.tsx` listens once, for the whole page. Rule: a key that means something to the
// focused element (a slider, a list, a text field, a dialog) is left to it. A key that comes
// while an answer is on its way acts on what is shown then (`Store.act`): nobody who types fast
// loses one.

import type { Store } from "./store.js";

/** The keys and what they do, for the help. */
export const KEYS: [string, string][] = [
  ["← →", "a step back, a step forth"],
  ["Home End", "the beginning, the end of what is known"],
  ["space", "play, pause"],
  ["c", "let chance make a step"],
  ["1 … 9", "choose what happens next, by its number"],
  ["o", "open the next request: its other ends; their numbers choose"],
  ["Esc", "close it"],
  ["s", "let the mirror start, without faults"],
  ["n", "the next chapter"],
  ["r", "the chapter or the run from its beginning"],
  ["y", "copy the link to this moment"],
  ["t", "dark, light, as the system"],
  ["?", "this help"],
];

/** Does what a key says; true if it was one of ours. */
export function press(
  store: Store,
  event: KeyboardEvent,
  also: Record<string, () => void>,
): boolean {
  if (event.ctrlKey || event.altKey || event.metaKey) return false;
  if (store.show.help) {
    // The browser would close the dialog too, and say so later than the next key comes.
    if (!["Escape", "?"].includes(event.key)) return false;
    store.set({ help: false });
    return true;
  }
  const on = event.target as HTMLElement | null;
  const kind = on instanceof HTMLInputElement ? on.type : (on?.tagName ?? "");
  if (["text", "number", "SELECT"].includes(kind)) return false;
  const moves = ["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key);
  if (moves && ["range", "radio"].includes(kind)) return false;
  if (event.key === " " && ["BUTTON", "checkbox", "radio", "SUMMARY"].includes(kind)) return false;
  const act = actions(store, also, event.repeat)[event.key];
  if (act) act();
  else if (/^[1-9]$/.test(event.key)) {
    store.act(() => {
      const option = store.show.choices?.keys.get(Number(event.key));
      if (option) store.choose(option);
    }, event.repeat);
  } else return false;
  return true;
}

function actions(
  store: Store,
  also: Record<string, () => void>,
  repeats: boolean,
): Record<string, () => void> {
  return {
    ArrowLeft: () => store.back(),
    ArrowRight: () => store.forth(),
    Home: () => void store.go(0),
    End: () => void store.go(Number.MAX_SAFE_INTEGER),
    " ": () => store.play_or_pause(),
    c: () => store.chance(repeats),
    o: () => store.act(() => open_next(store), repeats),
    s: () => store.start_up(),
    Escape: () => store.act(() => store.toggle(null)),
    "?": () => store.set({ help: true }),
    ...also,
  };
}

/** Opens the request behind the one that is open, in the order of the lanes. */
function open_next(store: Store): void {
  const { choices, opened } = store.show;
  const all = (choices?.lanes ?? []).flatMap(({ requests }, leg) =>
    requests.filter(({ others }) => others.length > 0).map(({ request }) => ({ leg, request })),
  );
  const at = all.findIndex((it) => it.leg === opened?.leg && it.request === opened.request);
  const next = all[at + 1];
  store.toggle(next ?? opened);
}
