// One leg: what its volatile cache and its medium hold, its map, its superblock, and the
// requests that wait in it.
//
// Place: drawn by `stage.tsx`, one below the other, so that a sector is in the same column in
// each. Rule: what a power cut may take is above, in dashed and hatched cells; what is durable
// is below, in solid ones.

import type { Leg, Scenario, Superblock, Waiting } from "../api.js";
import type { Choice, Ends } from "../options.js";
import type { Show, Store } from "../store.js";
import { Holds } from "./holds.js";
import { Icon } from "./icon.js";
import { OptionButton, range } from "./parts.js";

const STANDING: Record<string, { sign: string; word: string }> = {
  "in sync": { sign: "●", word: "in sync" },
  coming: { sign: "◐", word: "rebuilding" },
  rebuilding: { sign: "◐", word: "rebuilding" },
  out: { sign: "✕", word: "out" },
  "no member": { sign: "○", word: "no member" },
  "-": { sign: "○", word: "no member" },
  unknown: { sign: "?", word: "not known yet" },
};

const CMD: Record<Waiting["cmd"], string> = {
  read: "read",
  write: "write",
  fua: "write FUA",
  flush: "flush",
  discard: "discard",
};

/** `out: by hand` and `out: media` are out, and say why. */
function standing(word: string) {
  const { sign } = STANDING[word.split(":")[0]!] ?? STANDING.unknown!;
  return { sign, word: STANDING[word]?.word ?? word };
}

function slug(word: string): string {
  return word === "-" ? "no-member" : word.split(":")[0]!.replace(/ /g, "-");
}

export function Lane(props: { store: Store; show: Show; index: number; scenario: Scenario }) {
  const { store, show, index, scenario } = props;
  const leg = show.state!.legs[index]!;
  const before = show.before?.legs[index] ?? null;
  const options = show.choices?.lanes[index];
  // Before anybody is believed, nobody is out.
  const isOpen = show.state!.life !== "running" && leg.standing === "out";
  const word = isOpen ? "unknown" : leg.standing;
  const stand = standing(word);
  const gone = leg.presence !== "ready";
  return (
    <section class={`lane${gone ? " gone" : ""}`} aria-label={`leg ${index}, ${leg.name}`}>
      <header>
        <h3>
          leg {index} <small>{leg.name}</small>
        </h3>
        <span class={`badge standing-${slug(word)}`}>
          <i aria-hidden="true">{stand.sign}</i> {stand.word}
        </span>
        {gone && (
          <span class="badge presence">
            <Icon name="power" /> {leg.presence === "gone" ? "not there" : "silent"}
          </span>
        )}
        <Superblocks superblock={leg.superblock} />
      </header>
      <Holds leg={leg} before={before} scenario={scenario} />
      <Queue
        store={store}
        show={show}
        index={index}
        leg={leg}
        ends={options?.requests ?? []}
        others={options?.others ?? []}
      />
    </section>
  );
}

function Superblocks({ superblock }: { superblock: Leg["superblock"] }) {
  const { media, cache } = superblock;
  return (
    <div class="superblocks">
      {media ? (
        <Super of={media} volatile={false} />
      ) : (
        <span class="super none">no superblock</span>
      )}
      {cache && <Super of={cache} volatile />}
    </div>
  );
}

function Super({ of, volatile }: { of: Superblock; volatile: boolean }) {
  const members = of.members.map((word) => standing(word).word);
  const label = `superblock ${volatile ? "in the volatile cache" : "on the medium"}: ${members
    .map((word, member) => `member ${member} ${word}`)
    .join(", ")}; generation ${of.generation}, number ${of.seq}, session ${of.session}`;
  return (
    <span class={`super${volatile ? " volatile" : ""}`} role="img" aria-label={label} title={label}>
      {of.members.map((word, member) => (
        <span class={`member standing-${slug(word)}`}>
          {member}
          <i>{standing(word).sign}</i>
        </span>
      ))}
      <code>{of.generation.slice(0, 4)}</code>
      <small>#{of.seq}</small>
    </span>
  );
}

function Queue(props: {
  store: Store;
  show: Show;
  index: number;
  leg: Leg;
  ends: Ends[];
  others: Choice[];
}) {
  const { store, show, index, leg, ends, others } = props;
  return (
    <div class="waits">
      <h4>requests in this leg</h4>
      <ul class="queue">
        {leg.waiting.map((waiting) => (
          <Item
            key={waiting.id}
            store={store}
            show={show}
            index={index}
            waiting={waiting}
            ends={ends.find(({ request }) => request === waiting.id) ?? null}
          />
        ))}
        {leg.late.map((late) => (
          <li class="item" key={`late${late.id}`}>
            <span class="what">too late: {late.text}</span>
          </li>
        ))}
        {others.map((choice) => (
          <li class="item">
            <OptionButton store={store} choice={choice} />
          </li>
        ))}
        {leg.waiting.length + leg.late.length + others.length === 0 && (
          <li class="nothing">none</li>
        )}
      </ul>
    </div>
  );
}

function Item(props: {
  store: Store;
  show: Show;
  index: number;
  waiting: Waiting;
  ends: Ends | null;
}) {
  const { store, show, index, waiting, ends } = props;
  const isOpen = show.opened?.leg === index && show.opened.request === waiting.id;
  const where = waiting.cmd === "flush" ? "" : ` ${placeOf(waiting)}`;
  const what = `${CMD[waiting.cmd]}${where}`;
  return (
    <li class={`item of-${waiting.what}`}>
      <span class="what" title={waiting.text}>
        {what}
        {waiting.performed && <em> took effect</em>}
      </span>
      {ends && (
        <span class="ends">
          <OptionButton
            store={store}
            choice={ends.plain}
            title={`${what}: ${ends.plain.option.label}`}
          />
          {isOpen && ends.others.map((choice) => <OptionButton store={store} choice={choice} />)}
          {ends.others.length > 0 && (
            <button
              type="button"
              class="more"
              aria-expanded={isOpen}
              aria-label={`${what}: other ends`}
              onClick={() => store.toggle({ leg: index, request: waiting.id })}
            >
              {isOpen ? "less ▴" : "or ▾"}
            </button>
          )}
        </span>
      )}
    </li>
  );
}

function placeOf(waiting: Waiting): string {
  switch (waiting.what) {
    case "data":
      return `sector${waiting.count === 1 ? "" : "s"} ${range(waiting.start, waiting.count)}`;
    case "map":
      return "of the map";
    case "superblock":
      return "of the superblock";
    case "search":
      return "of a record, to start";
  }
}
