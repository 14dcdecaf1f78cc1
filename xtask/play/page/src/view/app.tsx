// The whole page: the head, the stage, what is beside it, and the transport.

import { useLayoutEffect, useState } from "preact/hooks";

import type { Show, Store, Tab } from "../store.js";
import { Chapters } from "./chapters.js";
import { Free } from "./free.js";
import { Help } from "./help.js";
import { Hunt } from "./hunt.js";
import { Stage } from "./stage.js";
import { Transport } from "./transport.js";
import { nextTheme, THEME_WORDS, useTheme } from "../theme.js";
import { Icon } from "./icon.js";
import { Key } from "./parts.js";

/** What the store shows, drawn anew after each change. */
function useShow(store: Store): Show {
  const [show, setShow] = useState(store.show);
  useLayoutEffect(() => {
    const draw = () => setShow(store.show);
    draw();
    return store.subscribe(draw);
  }, [store]);
  return show;
}

const TABS: { tab: Tab; name: string }[] = [
  { tab: "chapters", name: "Chapters" },
  { tab: "hunt", name: "Plant a bug" },
  { tab: "free", name: "Free play" },
];

export function App({ store, copy }: { store: Store; copy: () => void }) {
  const show = useShow(store);
  const theme = useTheme();
  return (
    <>
      <header class="head">
        <h1>
          dmirror <small>the mirror in a browser</small>
        </h1>
        <div class="buttons">
          <button type="button" aria-keyshortcuts="y" onClick={() => store.act(copy)}>
            <Icon name="link" />{" "}
            <span>
              <span class="wide">copy </span>link
            </span>{" "}
            <Key name="y" />
          </button>
          <button
            type="button"
            aria-keyshortcuts="t"
            aria-label={`colours: ${THEME_WORDS[theme]}`}
            onClick={nextTheme}
          >
            <Icon name="theme" /> <span class="wide">{THEME_WORDS[theme]}</span> <Key name="t" />
          </button>
          <button
            type="button"
            aria-label="help"
            aria-keyshortcuts="?"
            onClick={() => store.set({ help: true })}
          >
            help <Key name="?" />
          </button>
        </div>
      </header>
      <div class="body">
        <aside class="side">
          <nav class="tabs" aria-label="what to do">
            {TABS.map(({ tab, name }) => (
              <button
                type="button"
                aria-current={show.tab === tab ? "page" : undefined}
                onClick={() => store.set({ tab })}
              >
                {name}
              </button>
            ))}
          </nav>
          {show.tab === "chapters" && <Chapters store={store} show={show} />}
          {show.tab === "hunt" && <Hunt store={store} show={show} />}
          {show.tab === "free" && <Free store={store} show={show} />}
        </aside>
        <Stage store={store} show={show} />
      </div>
      <Transport store={store} show={show} />
      <p class={`notice${show.notice ? " shown" : ""}`} role="status">
        {show.notice}
      </p>
      {show.broken && show.state && (
        <p class="notice shown" role="alert">
          {show.broken}
        </p>
      )}
      <Help store={store} open={show.help} />
    </>
  );
}
