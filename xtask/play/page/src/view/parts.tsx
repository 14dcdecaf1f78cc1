// Small things that several views draw: a button with its key, text with emphasis, a stamp.
//
// Rules: whatever a colour says, a letter, a sign or a border says as well. A button that a key
// presses shows the key, and tells it (`aria-keyshortcuts`).

import type { ComponentChildren } from "preact";

import type { Scenario, Stamp } from "../api.js";
import type { Choice } from "../options.js";
import type { Store } from "../store.js";
import { Icon, type IconName } from "./icon.js";

/** A longer label is cut; all of it is shown where it is pointed at. */
const LABEL_MAX = 70;

/** How many colours writes have; a write's number says which is its. */
const WRITE_COLOURS = 6;

/** The class of a stamp: its write's colour, or that of a sector no client wrote. */
export function stampClass(stamp: Stamp | null): string {
  if (!stamp) return "none";
  // A discard has no data, but a number as a write has: `d3`.
  const number = stamp.write ?? /^d(\d+)$/.exec(stamp.text)?.[1] ?? null;
  if (number !== null) return `write-${Number(number) % WRITE_COLOURS}`;
  return stamp.text === "?" ? "unknown" : "blank";
}

/** A stamp in few letters. */
export function stampText(stamp: Stamp): string {
  return stamp.text === "blank" ? "–" : stamp.text;
}

export function Key({ name }: { name: string | number | null }) {
  return name === null ? null : <kbd aria-hidden="true">{name}</kbd>;
}

/** The button that lets an option happen. */
export function OptionButton(props: {
  store: Store;
  choice: Choice;
  label?: string;
  sign?: IconName | undefined;
  title?: string;
}) {
  const { option, key } = props.choice;
  const full = props.label ?? option.label;
  const label = full.length > LABEL_MAX ? `${full.slice(0, LABEL_MAX)}…` : full;
  return (
    <button
      type="button"
      class={`option kind-${option.kind}`}
      title={props.title ?? (label === full ? undefined : full)}
      aria-keyshortcuts={key === null ? undefined : String(key)}
      onClick={() => props.store.choose(option)}
    >
      <Key name={key} />
      {props.sign && <Icon name={props.sign} />}
      <span>{label}</span>
    </button>
  );
}

/** What a list of scenarios offers: the page's own, then those of tests, by the tests' names. */
export function ScenarioOptions({ scenarios }: { scenarios: Scenario[] }) {
  const options = (those: Scenario[]) =>
    those.map(({ id, title }) => <option value={id}>{title}</option>);
  return (
    <>
      {options(scenarios.filter(({ test }) => !test))}
      <optgroup label="runs of a test">{options(scenarios.filter(({ test }) => test))}</optgroup>
    </>
  );
}

/** `*so*` is emphasized, `` `so` `` is code. */
export function rich(text: string): ComponentChildren[] {
  return text.split(/(\*[^*]+\*|`[^`]+`)/).map((part) => {
    if (part.startsWith("*") && part.length > 1) return <em>{part.slice(1, -1)}</em>;
    if (part.startsWith("`") && part.length > 1) return <code>{part.slice(1, -1)}</code>;
    return part;
  });
}

/** Sectors as a person writes them: `2` or `2–3`. */
export function range(start: number, count: number): string {
  return count <= 1 ? `${start}` : `${start}–${start + count - 1}`;
}

export function plural(count: number, what: string): string {
  return `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;
}
