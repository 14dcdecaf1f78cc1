// The transport: back and forth in time, chance, play, the speed.
//
// Place: drawn by `app.tsx` at the bottom, always in sight. The keys are in `keys.ts`.

import { lastPlace } from "../run.js";
import type { Show, Store } from "../store.js";
import { Icon } from "./icon.js";
import { Key } from "./parts.js";

const SPEED_MIN = 0.5;
const SPEED_MAX = 32;

/** The slider is logarithmic: each of its units doubles the speed. */
const toSlider = (speed: number) => Math.log2(speed);
const toSpeed = (slider: number) => 2 ** slider;

export function Transport({ store, show }: { store: Store; show: Show }) {
  const last = lastPlace(show.run);
  const atEnd = show.at >= last;
  const canGoOn = show.state?.ask != null;
  return (
    <footer class="transport" aria-label="time">
      <div class="buttons">
        <button
          type="button"
          aria-label="to the beginning"
          disabled={show.at === 0}
          onClick={() => void store.go(0)}
        >
          <Icon name="first" />
        </button>
        <button
          type="button"
          aria-label="a step back"
          aria-keyshortcuts="ArrowLeft"
          disabled={show.at === 0}
          onClick={() => store.back()}
        >
          <Icon name="back" /> <Key name="←" />
        </button>
        <button
          type="button"
          class="play"
          aria-label={show.playing ? "pause" : "play"}
          aria-keyshortcuts="Space"
          disabled={atEnd && !canGoOn}
          onClick={() => store.play_or_pause()}
        >
          <Icon name={show.playing ? "pause" : "play"} /> {show.playing ? "pause" : "play"}{" "}
          <Key name="space" />
        </button>
        <button
          type="button"
          aria-label="a step forth"
          aria-keyshortcuts="ArrowRight"
          disabled={atEnd}
          onClick={() => store.forth()}
        >
          <Icon name="forth" /> <Key name="→" />
        </button>
        <button
          type="button"
          aria-label="a step by chance"
          aria-keyshortcuts="c"
          disabled={!canGoOn}
          title="Chance makes a step; what was known to follow is forgotten"
          onClick={() => store.chance()}
        >
          <Icon name="dice" /> <span class="wide">chance</span> <Key name="c" />
        </button>
      </div>
      <label class="scrubber">
        <span class="unseen">step</span>
        <input
          type="range"
          min={0}
          max={Math.max(last, 1)}
          value={show.at}
          disabled={last === 0}
          aria-valuetext={`step ${show.at} of ${last}`}
          onInput={(event) => {
            store.pause();
            void store.go(Number(event.currentTarget.value));
          }}
        />
        <output>
          {show.at}/{last}
        </output>
      </label>
      <div class="knobs">
        <label>
          speed
          <input
            type="range"
            min={toSlider(SPEED_MIN)}
            max={toSlider(SPEED_MAX)}
            step={0.5}
            value={toSlider(show.speed)}
            aria-valuetext={`${show.speed.toFixed(1)} steps a second`}
            onInput={(event) => store.set({ speed: toSpeed(Number(event.currentTarget.value)) })}
          />
        </label>
        <label title="Whether chance may pick faults, power cuts and stops">
          <input
            type="checkbox"
            checked={show.faults}
            onChange={(event) => store.set({ faults: event.currentTarget.checked })}
          />
          faults
        </label>
      </div>
    </footer>
  );
}
