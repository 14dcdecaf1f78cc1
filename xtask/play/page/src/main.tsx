// The page's beginning: the engine, the store, the keys, the first drawing.
//
// `store.ts` has what can be done, `view/` how it looks, `worker.ts` the mirror itself.

import { render } from "preact";

import "./style/index.css";
import { Engine } from "./engine.js";
import { press } from "./keys.js";
import { Store } from "./store.js";
import { applyTheme, nextTheme } from "./theme.js";
import { App } from "./view/app.js";
import { nextOf } from "./view/chapters.js";

applyTheme();
const store = new Store(new Engine());

async function copy(): Promise<void> {
  const url = new URL(store.here(), location.href).href;
  try {
    await navigator.clipboard.writeText(url);
    store.say("The link to this moment is in the clipboard.");
  } catch {
    store.say("The browser allows no copy: the address bar has the link.");
  }
}

function again(): void {
  const { tab, chapter, scenario, bug } = store.show;
  if (tab === "chapters" && chapter) void store.begin_chapter(chapter);
  else void store.load(scenario, bug, [], null);
}

function next(): void {
  const chapter = nextOf(store.show.chapter);
  if (chapter) void store.begin_chapter(chapter);
}

const also = {
  y: () => store.act(() => void copy()),
  t: nextTheme,
  r: () => store.once_begun(again),
  n: () => store.once_begun(next),
};
addEventListener("keydown", (event) => {
  if (press(store, event, also)) event.preventDefault();
});

render(<App store={store} copy={() => void copy()} />, document.getElementById("page")!);
void store.begin();
