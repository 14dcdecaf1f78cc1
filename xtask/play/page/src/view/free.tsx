// Free play: a scenario, from its beginning or by chance from a seed.

import { useState } from "preact/hooks";

import type { Show, Store } from "../store.js";
import { Icon } from "./icon.js";
import { ScenarioOptions } from "./parts.js";

export function Free({ store, show }: { store: Store; show: Show }) {
  const [seed, setSeed] = useState("71");
  const { list, scenario, bug, state } = show;
  if (!list) return null;
  const chosen = list.scenarios.find(({ id }) => id === scenario);
  const begin = (id: string) => void store.load(id, bug, [], null);
  return (
    <article class="free">
      <h2>Free play</h2>
      <p>
        You decide what happens next, or chance does. A failing test prints the line of its run,{" "}
        <code>seed=71</code> or <code>path=2.0.1</code>: behind <code>#s=TEST&amp;</code> in the
        address, it is watched here.
      </p>
      <label class="field">
        scenario
        <select value={scenario} onChange={(event) => begin(event.currentTarget.value)}>
          <ScenarioOptions scenarios={list.scenarios} />
        </select>
      </label>
      {chosen?.test && (
        <p>
          These are the runs of the test <code>{chosen.test}</code>.
        </p>
      )}
      <form
        class="field"
        onSubmit={(event) => {
          event.preventDefault();
          if (/^\d+$/.test(seed)) void store.replay(scenario, bug, `seed=${seed}`);
        }}
      >
        <label for="seed">seed</label>
        <input
          id="seed"
          type="text"
          inputMode="numeric"
          pattern="\d{1,15}"
          value={seed}
          onInput={(event) => setSeed(event.currentTarget.value)}
        />
        <button type="submit">run it by chance</button>
      </form>
      <p class="buttons">
        <button type="button" aria-keyshortcuts="r" onClick={() => begin(scenario)}>
          <Icon name="again" /> from the beginning
        </button>
      </p>
      {state && (
        <>
          <h3>Still possible in this run</h3>
          <ul class="left">
            {Object.entries(state.left).map(([what, count]) => (
              <li class={count === 0 ? "none" : ""}>
                <b>{count}</b>{" "}
                {count === 1 ? what.replace(/e?s$/, (end) => (end === "es" ? "e" : "")) : what}
              </li>
            ))}
          </ul>
        </>
      )}
    </article>
  );
}
