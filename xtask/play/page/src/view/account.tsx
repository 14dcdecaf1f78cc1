// The account: what happened, line by line; the last step's lines are marked.
//
// Place: drawn by `stage.tsx` at the bottom of the stage.

import { useEffect, useRef } from "preact/hooks";

import type { Show } from "../store.js";

export function Account({ show }: { show: Show }) {
  const { account, step } = show.state!;
  const end = useRef<HTMLOListElement>(null);
  useEffect(() => {
    const list = end.current;
    if (list) list.scrollTop = list.scrollHeight;
  }, [show.state]);
  return (
    <section class="account" aria-label="the account">
      <h3>What happened</h3>
      <p class="unseen" role="status">
        {show.playing
          ? ""
          : account
              .filter((line) => line.step >= step - 1)
              .map(({ text }) => text)
              .join(". ")}
      </p>
      <ol ref={end} tabIndex={0} aria-label="lines of the account">
        {account.map((line, index) => (
          <li class={line.step >= step - 1 ? "now" : ""} key={`${index}${line.text}`}>
            <small>{line.step}</small> {line.text}
          </li>
        ))}
        {account.length === 0 && <li class="nothing">nothing yet</li>}
      </ol>
    </section>
  );
}
