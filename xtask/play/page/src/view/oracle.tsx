// The oracle: what a read of each sector may answer now, and after a power cut.
//
// Place: drawn by `stage.tsx` below the legs, in their columns. It knows what clients were
// told, and nothing of the mirror.

import type { Scenario, Stamp } from "../api.js";
import type { Show } from "../store.js";
import { Bands, Cell } from "./holds.js";

/** How many values of one sector are shown. */
const SHOWN = 3;

const NAMES = [
  { name: "now", title: "What a read that begins now may answer" },
  { name: "after cut", title: "What a read may answer after a power cut at this moment" },
];

export function Oracle({ show, scenario }: { show: Show; scenario: Scenario }) {
  const { oracle } = show.state!;
  const rows = [oracle.map(({ may }) => may), oracle.map(({ durable }) => durable)];
  return (
    <section class="lane oracle" aria-label="the oracle">
      <header>
        <h3>
          oracle <small>what may a read answer?</small>
        </h3>
      </header>
      <div class="rows">
        {rows.map((row, at) => (
          <Bands
            scenario={scenario}
            label={told(NAMES[at]!.title, row)}
            names={NAMES.slice(at, at + 1)}
            band={(_, sectors) => (
              <div class="cells">
                {sectors.map((sector) => (
                  <Values of={row[sector] ?? []} />
                ))}
              </div>
            )}
          />
        ))}
      </div>
      <p class="waits nothing">
        It knows what clients asked for and were told, and nothing of the mirror. Any other answer
        breaks a promise.
      </p>
    </section>
  );
}

function Values({ of }: { of: Stamp[] }) {
  return (
    <span class="stack">
      {of.slice(0, SHOWN).map((stamp) => (
        <Cell stamp={stamp} />
      ))}
      {of.length > SHOWN && <small>+{of.length - SHOWN}</small>}
    </span>
  );
}

function told(title: string, row: Stamp[][]): string {
  const open = row.flatMap((stamps, at) => {
    const texts = stamps.map(({ text }) => text);
    return texts.length === 1 && texts[0] === "blank" ? [] : [`sector ${at} ${texts.join(" or ")}`];
  });
  return `${title}: ${open.length > 0 ? open.join(", ") : "every sector is blank"}`;
}
