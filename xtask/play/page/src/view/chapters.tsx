// The chapters beside the stage: a list of all, and the text and the goals of one.

import { CHAPTERS } from "../chapters/index.js";
import type { Show, Store } from "../store.js";
import { Icon } from "./icon.js";
import { Key, rich } from "./parts.js";

export function Chapters({ store, show }: { store: Store; show: Show }) {
  const { chapter, reached } = show;
  return (
    <>
      <ol class="chapter-list">
        {CHAPTERS.map((it, index) => (
          <li>
            <button
              type="button"
              aria-current={it === chapter ? "true" : undefined}
              aria-label={`chapter ${index + 1}: ${it.title}`}
              title={it.title}
              onClick={() => void store.begin_chapter(it)}
            >
              {index + 1}
            </button>
          </li>
        ))}
      </ol>
      {chapter && (
        <article class="chapter">
          <h2>
            {CHAPTERS.indexOf(chapter) + 1}. {chapter.title}
          </h2>
          <p class="idea">{chapter.idea}</p>
          {(chapter.scenario !== show.scenario || chapter.bug !== show.bug) && (
            <p class="other-run">
              The stage shows another run. <b>from the start</b> (r) begins this chapter's.
            </p>
          )}
          {chapter.text.map((paragraph) => (
            <p>{rich(paragraph)}</p>
          ))}
          <h3>To see</h3>
          <ul class="goals">
            {chapter.goals.map((goal, index) => (
              <li class={reached.has(index) ? "reached" : ""}>
                <i aria-hidden="true">{reached.has(index) ? "✓" : "○"}</i>
                <span>
                  {goal.text}
                  {reached.has(index) && <span class="unseen"> (reached)</span>}
                </span>
              </li>
            ))}
          </ul>
          {reached.size === chapter.goals.length && (
            <div class="after">
              {chapter.after.map((paragraph) => (
                <p>{rich(paragraph)}</p>
              ))}
            </div>
          )}
          <p class="buttons">
            <button
              type="button"
              aria-keyshortcuts="r"
              onClick={() => void store.begin_chapter(chapter)}
            >
              <Icon name="again" /> from the start <Key name="r" />
            </button>
            {nextOf(chapter) && (
              <button
                type="button"
                aria-keyshortcuts="n"
                onClick={() => void store.begin_chapter(nextOf(chapter)!)}
              >
                next chapter <Key name="n" />
              </button>
            )}
          </p>
        </article>
      )}
    </>
  );
}

export function nextOf(chapter: Show["chapter"]) {
  return chapter && (CHAPTERS[CHAPTERS.indexOf(chapter) + 1] ?? null);
}
