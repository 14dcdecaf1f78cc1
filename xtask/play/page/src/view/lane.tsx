// One leg: what its volatile cache and its medium hold, its map, its superblock, and the
// requests that wait in it.
//
// Place: drawn by `stage.tsx`, one below the other, so that a sector is in the same column in
// each. Rule: what a power cut may take is above, in dashed and hatched cells; what is durable
// is below, in solid ones.

import type { Leg, Mark, Scenario, Superblock, Waiting } from "../api.js";
import type { Choice, Ends } from "../options.js";
import type { Show, Store } from "../store.js";
import { same } from "../store.js";
import { Icon } from "./icon.js";
import { OptionButton, plural, range, stampClass, stampText } from "./parts.js";

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
  const stand = standing(leg.standing);
  const gone = leg.presence !== "ready";
  return (
    <section class={`lane${gone ? " gone" : ""}`} aria-label={`leg ${index}, ${leg.name}`}>
      <header>
        <h3>
          leg {index} <small>{leg.name}</small>
        </h3>
        <span class={`badge standing-${slug(leg.standing)}`}>
          <i aria-hidden="true">{stand.sign}</i> {stand.word}
        </span>
        {gone && (
          <span class="badge presence">
            <Icon name="power" /> {leg.presence === "gone" ? "not there" : "silent"}
          </span>
        )}
        <Superblocks superblock={leg.superblock} />
      </header>
      <div class="holds">
        <Cells leg={leg} before={before} />
        <Map leg={leg} size={scenario.region} />
      </div>
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

function Cells({ leg, before }: { leg: Leg; before: Leg | null }) {
  const volatile = leg.sectors.filter((sector) => sector.cache).length;
  const changed = (at: number, which: "cache" | "media") => {
    const was = before?.sectors[at];
    return was && !same(was[which], leg.sectors[at]![which]) ? " changed" : "";
  };
  return (
    <>
      <span class="row-name" title="The volatile cache: a power cut may take it">
        cache
      </span>
      <div
        class="cells cache"
        role="img"
        aria-label={
          volatile === 0
            ? "the volatile cache is empty"
            : `not durable yet: ${leg.sectors.flatMap(({ cache }, at) => (cache ? [`sector ${at} ${cache.text}`] : [])).join(", ")}`
        }
      >
        {leg.sectors.map(({ cache }, at) => (
          <span class={`cell volatile ${stampClass(cache)}${changed(at, "cache")}`} key={`${at}${cache?.text}`}>
            {cache && stampText(cache)}
          </span>
        ))}
      </div>
      <span class="row-name" title="What is durable">
        medium
      </span>
      <div
        class="cells media"
        role="img"
        aria-label={`on the medium: ${leg.sectors.map(({ media }, at) => `sector ${at} ${media.text}`).join(", ")}`}
      >
        {leg.sectors.map(({ media }, at) => (
          <span class={`cell ${stampClass(media)}${changed(at, "media")}`} key={`${at}${media.text}`}>
            {stampText(media)}
          </span>
        ))}
      </div>
    </>
  );
}

function markText(mark: Mark): string {
  const missed = mark.missed.map((member) => ` M${member}`).join("");
  return `${mark.dirty ? "DIRTY" : "clean"}${missed}`;
}

function MarkCell({ mark, volatile }: { mark: Mark; volatile: boolean }) {
  const kind = mark.dirty ? "dirty" : "clean";
  return (
    <span class={`mark ${kind}${volatile ? " volatile" : ""}`} key={markText(mark)}>
      {mark.dirty ? <b>D</b> : <span>c</span>}
      <span class="long">{mark.dirty ? "IRTY" : "lean"}</span>
      {mark.missed.map((member) => (
        <b class="missed" title={`member ${member} missed a write here`}>
          M{member}
        </b>
      ))}
    </span>
  );
}

/** The leg's own map: what is on the medium, over it what is in the cache only. */
function Map({ leg, size }: { leg: Leg; size: number }) {
  const style = `--regions:${leg.regions.length}`;
  const label = leg.regions.map(({ media, cache }, at) => {
    const thinks = memory(leg, at).map(({ word }) => word);
    const parts = [`on the medium ${markText(media)}`];
    if (cache) parts.push(`in the cache ${markText(cache)}`);
    if (thinks.length > 0) parts.push(`the mirror holds it ${thinks.join(", ")}`);
    return `region ${at}: ${parts.join("; ")}`;
  });
  return (
    <>
      <span class="row-name" title={`The leg's own region map; a region is ${plural(size, "sector")}`}>
        map
      </span>
      <div class="regions" style={style} role="img" aria-label={label.join(". ")}>
        {leg.regions.map(({ media, cache }, at) => (
          <div class="region">
            <div class="marks">
              {cache && <MarkCell mark={cache} volatile />}
              <MarkCell mark={media} volatile={false} />
            </div>
            <div class="thinks" title="What the running mirror holds of this region and this leg">
              {memory(leg, at).map(({ letter, word }) => (
                <span class={`think ${word}`} title={`the mirror: ${word}`}>
                  {letter}
                  <span class="long">{word.slice(1)}</span>
                </span>
              ))}
            </div>
          </div>
        ))}
      </div>
    </>
  );
}

function memory(leg: Leg, region: number): { letter: string; word: string }[] {
  const held = leg.memory[region];
  const words = [
    held?.dirty && "dirty",
    held?.missed && "missed",
    held?.unsettled && "unsettled",
  ].filter((word): word is string => typeof word === "string");
  return words.map((word) => ({ letter: word[0]!, word }));
}

function Superblocks({ superblock }: { superblock: Leg["superblock"] }) {
  const { media, cache } = superblock;
  return (
    <div class="superblocks">
      {media ? <Super of={media} volatile={false} /> : <span class="super none">no superblock</span>}
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
          <OptionButton store={store} choice={ends.plain} title={`${what}: ${ends.plain.option.label}`} />
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
