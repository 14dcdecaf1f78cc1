// What a leg holds: its sectors, region by region, and its map.
//
// Place: the left part of a lane; the oracle uses the same bands, so that a sector is in the
// same column in each. Rules: what a power cut may take is above, in dashed and hatched cells;
// what is durable is below, in solid ones. A screen reader hears one text for all of it.

import type { ComponentChildren } from "preact";

import type { Leg, Mark, Scenario, Stamp } from "../api.js";
import { stampClass, stampText } from "./parts.js";

/** Sectors in bands of a region each, which wrap where the window is narrow. */
export function Bands(props: {
  scenario: Scenario;
  label: string;
  names: { name: string; title: string }[];
  band(region: number, sectors: number[]): ComponentChildren;
}) {
  const { sectors, region: size } = props.scenario;
  const regions = [...Array(Math.ceil(sectors / size)).keys()];
  const inside = (region: number) =>
    [...Array(size).keys()].map((at) => region * size + at).filter((at) => at < sectors);
  return (
    <div class="holds">
      <div class="row-names" aria-hidden="true">
        {props.names.map(({ name, title }) => (
          <span title={title}>{name}</span>
        ))}
      </div>
      <div class="bands" role="img" aria-label={props.label}>
        {regions.map((region) => (
          <div class="band" style={`--columns:${size}`}>
            {props.band(region, inside(region))}
          </div>
        ))}
      </div>
    </div>
  );
}

const NAMES = [
  { name: "cache", title: "The volatile cache: a power cut may take it" },
  { name: "medium", title: "What is durable" },
  { name: "map", title: "The leg's own region map; in ovals, what the running mirror holds" },
];

export function Holds(props: { leg: Leg; before: Leg | null; scenario: Scenario }) {
  const { leg, before, scenario } = props;
  const changed = (at: number, which: "cache" | "media") => {
    const was = before?.sectors[at];
    return was !== undefined && was[which]?.text !== leg.sectors[at]![which]?.text;
  };
  return (
    <Bands
      scenario={scenario}
      label={told(leg)}
      names={NAMES}
      band={(region, sectors) => (
        <>
          <div class="cells">
            {sectors.map((at) => (
              <Cell stamp={leg.sectors[at]!.cache} volatile changed={changed(at, "cache")} />
            ))}
          </div>
          <div class="cells">
            {sectors.map((at) => (
              <Cell stamp={leg.sectors[at]!.media} changed={changed(at, "media")} />
            ))}
          </div>
          <Map leg={leg} region={region} />
        </>
      )}
    />
  );
}

export function Cell(props: { stamp: Stamp | null; volatile?: boolean; changed?: boolean }) {
  const { stamp, volatile, changed } = props;
  const classes = ["cell", stampClass(stamp), volatile && "volatile", changed && "changed"];
  return (
    <span class={classes.filter(Boolean).join(" ")} key={stamp?.text}>
      {stamp && stampText(stamp)}
    </span>
  );
}

/** The leg's own map: in the cache only, on the medium; and what the mirror holds. */
function Map({ leg, region }: { leg: Leg; region: number }) {
  const { media, cache } = leg.regions[region] ?? { media: null, cache: null };
  return (
    <div class="region">
      {cache && <MarkCell mark={cache} volatile />}
      {media && <MarkCell mark={media} volatile={false} />}
      {memory(leg, region).map((word) => (
        <span class={`think ${word}`} title={`the mirror: ${word}`}>
          {word}
        </span>
      ))}
    </div>
  );
}

function MarkCell({ mark, volatile }: { mark: Mark; volatile: boolean }) {
  const where = volatile ? "in the cache only" : "on the medium";
  return (
    <span
      class={`mark ${mark.dirty ? "dirty" : "clean"}${volatile ? " volatile" : ""}`}
      title={`the leg's own map, ${where}: ${markText(mark)}`}
    >
      {mark.dirty ? "DIRTY" : "clean"}
      {mark.missed.map((member) => (
        <b class="missed">M{member}</b>
      ))}
    </span>
  );
}

function markText({ dirty, missed }: Mark): string {
  const members = missed.map((member) => `, member ${member} missed a write here`);
  return `${dirty ? "DIRTY" : "clean"}${members.join("")}`;
}

function memory(leg: Leg, region: number): string[] {
  const held = leg.memory[region];
  const words = [held?.dirty && "dirty", held?.missed && "missed", held?.unsettled && "unsettled"];
  return words.filter((word): word is string => typeof word === "string");
}

/** All of it in words; sectors that nobody wrote are left out. */
function told(leg: Leg): string {
  const texts = (which: "cache" | "media") =>
    leg.sectors.flatMap((sector, at) => {
      const stamp = sector[which];
      return stamp && stamp.text !== "blank" ? [`sector ${at} ${stamp.text}`] : [];
    });
  const list = (what: string, all: string[]) =>
    `${what}: ${all.length > 0 ? all.join(", ") : "nothing"}`;
  const regions = leg.regions.map(({ media, cache }, at) => {
    const parts = [`on the medium ${markText(media)}`];
    if (cache) parts.push(`in the cache ${markText(cache)}`);
    const words = memory(leg, at);
    if (words.length > 0) parts.push(`for the mirror ${words.join(", ")}`);
    return `region ${at} ${parts.join("; ")}`;
  });
  return [
    list("not durable yet", texts("cache")),
    list("on the medium", texts("media")),
    list("map", regions),
  ].join(". ");
}
