// Plant a bug: take a rule out of the mirror, look for a run that breaks a promise by hand, or
// have one searched for.

import { useEffect, useRef, useState } from "preact/hooks";

import type { Bug } from "../api.js";
import { hunt, type End, type Progress } from "../hunt.js";
import { lastPlace } from "../run.js";
import type { Show, Store } from "../store.js";
import { Icon } from "./icon.js";
import { plural, ScenarioOptions } from "./parts.js";

type Search =
  | { state: "idle" }
  | { state: "running"; progress: Progress }
  | { state: "over"; progress: Progress; end: End; steps: number };

const NO_BUG: Bug = { id: "", name: "nothing", rule: "the mirror as it is" };

const NONE: Progress = { runs: 0, steps: 0 };

export function Hunt({ store, show }: { store: Store; show: Show }) {
  const [search, setSearch] = useState<Search>({ state: "idle" });
  /** The search that is shown: whether it is to stop. Another one takes its place. */
  const stop = useRef({ now: true });
  const give_up = () => {
    stop.current.now = true;
    stop.current = { now: true };
  };
  useEffect(() => give_up, []);
  const report = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (search.state === "over") report.current?.scrollIntoView({ block: "nearest" });
  }, [search.state]);
  const { list, scenario, bug } = show;
  if (!list) return null;
  const planted = list.bugs.find(({ id }) => id === bug);

  const plant = (id: string) => {
    give_up();
    setSearch({ state: "idle" });
    void store.load(scenario, id, [], null);
  };
  const change = (id: string) => {
    give_up();
    setSearch({ state: "idle" });
    void store.load(id, bug, [], null);
  };
  const start = async () => {
    const own = (stop.current = { now: false });
    let progress = NONE;
    setSearch({ state: "running", progress });
    const seed = 1;
    const tell = (now: Progress) => {
      progress = now;
      if (!own.now) setSearch({ state: "running", progress });
    };
    try {
      const end = await hunt(store.engine, scenario, bug, seed, () => own.now, tell);
      if (own !== stop.current) return;
      if (end.how === "found") await store.load(scenario, bug, end.found.path, 0);
      if (own === stop.current)
        setSearch({ state: "over", progress, end, steps: lastPlace(store.show.run) });
    } catch (why) {
      store.set({ broken: String(why) });
    }
  };

  return (
    <article class="hunt">
      <h2>Plant a bug</h2>
      <p>
        Take one rule out of the mirror. Then break a promise: choose what happens next, fail a
        request, cut the power. The oracle notices once a client is told what cannot be: let it
        read. Or have the simulator search: if a scenario shows nothing for long, try another one.
      </p>
      <label class="field">
        scenario
        <select value={scenario} onChange={(event) => change(event.currentTarget.value)}>
          <ScenarioOptions scenarios={list.scenarios} />
        </select>
      </label>
      <fieldset class="bugs">
        <legend>what is taken out</legend>
        {[NO_BUG, ...list.bugs].map(({ id, name, rule }) => (
          <label class={id === bug ? "chosen" : ""}>
            <input
              type="radio"
              name="bug"
              value={id}
              checked={id === bug}
              onChange={() => plant(id)}
            />
            <span>
              {name} <small>{id ? `“${rule}”` : rule}</small>
            </span>
          </label>
        ))}
      </fieldset>
      <p class="buttons">
        {search.state === "running" ? (
          <button type="button" class="stop" onClick={() => (stop.current.now = true)}>
            <Icon name="stop" /> stop
          </button>
        ) : (
          <button type="button" class="search" onClick={() => void start()}>
            <Icon name="search" /> search for a run that breaks a promise
          </button>
        )}
      </p>
      <div class="report" ref={report}>
        <p class="progress" role="status">
          {told(search, planted?.id ?? "")}
        </p>
        {search.state === "over" && search.end.how === "found" && (
          <>
            <p class="text">{search.end.found.violation}</p>
            <p>
              The run stands at its beginning. Step through it (→), or play it. In a long one, go to
              its end (End), and look through “What happened” for the first failure and for what was
              answered behind it.
            </p>
            <p class="buttons">
              <button type="button" onClick={() => store.play_or_pause()}>
                <Icon name="play" /> play it
              </button>
            </p>
          </>
        )}
      </div>
    </article>
  );
}

function told(search: Search, bug: string): string {
  if (search.state === "idle") return "";
  const { runs, steps } = search.progress;
  const so = `${plural(runs, "run")}, ${plural(steps, "step")}`;
  if (search.state === "running")
    return `searching: ${so}, nothing yet${bug ? "" : "; nothing is planted, so nothing should be found"}`;
  switch (search.end.how) {
    case "stopped":
      return `stopped: ${so}, nothing found`;
    case "panic":
      return `the run of seed ${search.end.seed} ended in a panic: an assertion noticed. ${search.end.text}`;
    case "found":
      return `found in ${so}: seed ${search.end.found.seed}, shortened to ${plural(search.steps, "step")}`;
  }
}
