// A broken promise stops the show and explains itself; so does a panic.
//
// Place: drawn by `stage.tsx` above everything else.

import { useEffect, useRef } from "preact/hooks";

import type { Show, Store } from "../store.js";
import { Icon } from "./icon.js";

/** How many of the account's last lines stand in the explanation. */
const LINES = 6;

export function ViolationBanner({ store, show }: { store: Store; show: Show }) {
  const { violation, account } = show.state!;
  const box = useRef<HTMLElement>(null);
  useEffect(() => box.current?.scrollIntoView({ block: "nearest" }), [violation?.text]);
  if (!violation) return null;
  const bug = show.list?.bugs.find(({ id }) => id === show.bug && id !== "");
  return (
    <section class="violation" role="alert" ref={box}>
      <h2>
        <i aria-hidden="true">✕</i> A promise is broken
      </h2>
      <p class="text">{violation.text}</p>
      <p>
        The promise: <em>{violation.promise}</em>
        {bug && (
          <>
            {" "}
            What was taken out: <em>{bug.name}</em>. The rule says: “{bug.rule}”.
          </>
        )}
      </p>
      <ol>
        {account.slice(-LINES).map(({ text }) => (
          <li>{text}</li>
        ))}
      </ol>
      <p class="buttons">
        <button type="button" onClick={() => store.back()}>
          <Icon name="back" /> the step before
        </button>
        <button type="button" onClick={() => void store.go(0)}>
          <Icon name="first" /> from the beginning
        </button>
      </p>
    </section>
  );
}

export function PanicBanner({ store, panic }: { store: Store; panic: NonNullable<Show["panic"]> }) {
  return (
    <section class="violation" role="alert">
      <h2>
        <i aria-hidden="true">✕</i> The run ended in a panic
      </h2>
      <p class="text">An assertion of the mirror or of the simulator failed: {panic.text}</p>
      <p>
        The path that led there: <code class="path">path={panic.path.join(".")}</code>
      </p>
      <p class="buttons">
        <button type="button" onClick={() => store.back()}>
          <Icon name="back" /> the step before
        </button>
      </p>
    </section>
  );
}
