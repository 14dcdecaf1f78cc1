// The stage: clients, the mirror, its legs and the oracle, from top to bottom.
//
// Place: drawn by `app.tsx`. A request goes down the stage, and its answer up.

import { useEffect, useRef } from "preact/hooks";

import type { Scenario } from "../api.js";
import type { Show, Store } from "../store.js";
import { Account } from "./account.js";
import { Bands } from "./holds.js";
import { Lane } from "./lane.js";
import { Clients, Mirror, WorldBar } from "./mirror.js";
import { Oracle } from "./oracle.js";
import { PanicBanner, ViolationBanner } from "./violation.js";

/** A step takes the button away that made it: the focus then goes to the first one there is. */
function useFocus(state: Show["state"]): void {
  const inside = useRef(false);
  useEffect(() => {
    const hear = ({ target }: FocusEvent) => {
      inside.current = target instanceof Element && target.closest(".stage") !== null;
    };
    addEventListener("focusin", hear);
    return () => removeEventListener("focusin", hear);
  }, []);
  useEffect(() => {
    if (!inside.current || document.activeElement !== document.body) return;
    document.querySelector<HTMLElement>(".stage .option")?.focus({ preventScroll: true });
  }, [state]);
}

export function Stage({ store, show }: { store: Store; show: Show }) {
  useFocus(show.state);
  const scenario = show.list?.scenarios.find(({ id }) => id === show.scenario);
  if (!show.state || !scenario) {
    return (
      <main class="stage" aria-busy={show.panic === null && show.broken === null}>
        {show.panic ? (
          <PanicBanner store={store} panic={show.panic} />
        ) : (
          <p class="nothing">{show.broken ?? "the simulator starts…"}</p>
        )}
      </main>
    );
  }
  const bug = show.list?.bugs.find(({ id }) => id === show.bug && id !== "");
  return (
    <main class="stage" aria-busy={show.asking}>
      <p class="scenario">
        {scenario.test ? <code>{scenario.title}</code> : scenario.title}
        {bug && (
          <strong class="bug" title={bug.rule}>
            <i aria-hidden="true">✂</i> planted: {bug.name}
          </strong>
        )}
      </p>
      {show.panic && <PanicBanner store={store} panic={show.panic} />}
      {show.state.violation && <ViolationBanner store={store} show={show} />}
      <WorldBar store={store} show={show} />
      <div class="above">
        <Clients show={show} />
        <Mirror show={show} />
      </div>
      <div class="lanes">
        <Ruler scenario={scenario} />
        {show.state.legs.map((leg, index) => (
          <Lane store={store} show={show} index={index} scenario={scenario} key={leg.name} />
        ))}
        <Oracle show={show} scenario={scenario} />
      </div>
      <Account show={show} />
    </main>
  );
}

/** The numbers of the sectors, over the legs' columns. */
function Ruler({ scenario }: { scenario: Scenario }) {
  return (
    <div class="ruler" aria-hidden="true">
      <Bands
        scenario={scenario}
        label=""
        names={[{ name: "sector", title: "" }]}
        band={(_, sectors) => (
          <div class="cells">
            {sectors.map((at) => (
              <small>{at}</small>
            ))}
          </div>
        )}
      />
    </div>
  );
}
