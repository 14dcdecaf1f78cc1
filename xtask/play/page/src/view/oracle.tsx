// The oracle: what a read of each sector may answer now, and after a power cut.
//
// Place: drawn by `stage.tsx` below the legs, in their columns. It knows what clients were
// told, and nothing of the mirror.

import type { Stamp } from "../api.js";
import type { Show } from "../store.js";
import { stampClass, stampText } from "./parts.js";

/** How many values of one sector are shown. */
const SHOWN = 3;

export function Oracle({ show }: { show: Show }) {
  const { oracle } = show.state!;
  return (
    <section class="lane oracle" aria-label="the oracle">
      <header>
        <h3>
          oracle <small>what a promise allows</small>
        </h3>
      </header>
      <div class="holds">
      <Row name="now" title="What a read may answer now" of={oracle.map(({ may }) => may)} />
      <Row
        name="after a cut"
        title="What a read may answer after a power cut"
        of={oracle.map(({ durable }) => durable)}
      />
      </div>
      <p class="waits nothing">
        It knows what clients asked for and were told, and nothing of the mirror. An answer that is
        not among these breaks a promise.
      </p>
    </section>
  );
}

function Row({ name, title, of }: { name: string; title: string; of: Stamp[][] }) {
  const label = of.map((stamps, at) => `sector ${at}: ${stamps.map(({ text }) => text).join(" or ")}`);
  return (
    <>
      <span class="row-name" title={title}>
        {name}
      </span>
      <div class="cells may" role="img" aria-label={`${title}. ${label.join("; ")}`}>
        {of.map((stamps) => (
          <span class="stack">
            {stamps.slice(0, SHOWN).map((stamp) => (
              <span class={`cell ${stampClass(stamp)}`}>{stampText(stamp)}</span>
            ))}
            {stamps.length > SHOWN && <small>+{stamps.length - SHOWN}</small>}
          </span>
        ))}
      </div>
    </>
  );
}
