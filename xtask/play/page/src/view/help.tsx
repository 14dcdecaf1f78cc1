// The help: how to read the stage, the keys, the address.
//
// Place: a dialog over the page (`?`).

import { useLayoutEffect, useRef } from "preact/hooks";

import { KEYS } from "../keys.js";
import type { Store } from "../store.js";

export function Help({ store, open }: { store: Store; open: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null);
  // Before the next key comes: an effect of the other kind waits for the next picture.
  useLayoutEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  const close = () => store.set({ help: false });
  // The browser tells of a dialog's end later, and it may be open again.
  const closed = () => dialog.current?.open || close();
  return (
    <dialog ref={dialog} onClose={closed} aria-labelledby="help-title">
      <h2 id="help-title" tabIndex={-1} autoFocus>
        How to read this
      </h2>
      <p>
        The mirror is the real one, compiled to WebAssembly. Its disks, its clients and its time are
        the simulator's: nothing happens but what you or chance choose, so every run can be made
        again.
      </p>
      <dl class="legend">
        <dt>
          <span class="cell volatile write-1">w1</span>
        </dt>
        <dd>in a leg's volatile cache: a power cut may take it</dd>
        <dt>
          <span class="cell write-1">w1</span>
        </dt>
        <dd>
          on its medium: durable. w1 is what the client's write 1 wrote; – is a sector that nobody
          wrote
        </dd>
        <dt>
          <span class="mark dirty">
            DIRTY<b class="missed">M1</b>
          </span>
        </dt>
        <dd>
          the leg's own map: legs may differ in this region after a crash; M1: member 1 missed a
          write here
        </dd>
        <dt>
          <span class="think unsettled">unsettled</span>
        </dt>
        <dd>
          what the running mirror holds of the region: dirty, missed by this leg, unsettled (answers
          no read yet)
        </dd>
        <dt>
          <span class="super">
            <span class="member standing-in-sync">
              0<i>●</i>
            </span>
            <span class="member standing-out">
              1<i>✕</i>
            </span>
          </span>
        </dt>
        <dd>
          a superblock: whom this leg believes in sync ●, rebuilding ◐, out ✕; then its generation
          and its number
        </dd>
        <dt>
          <span class="track">
            <b class="station past">S</b>
            <b class="station now">M</b>
            <b class="station">W</b>
          </span>
        </dt>
        <dd>
          a transaction of a write group: start, map, data write, data flush (only for FUA), done
        </dd>
        <dt>
          <code>0+2</code>
        </dt>
        <dd>two sectors from sector 0 on; “sectors 0–1” are the same two</dd>
        <dt>time passes</dt>
        <dd>
          the mirror's delayed work is done, as cleaning a region; “early”: before its time
        </dd>
      </dl>
      <h3>Keys</h3>
      <dl class="keys">
        {KEYS.map(([key, what]) => (
          <>
            <dt>
              {key.split(" ").map((one) => (
                <kbd>{one}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </>
        ))}
      </dl>
      <h3>The address</h3>
      <p>
        <code>#s=SCENARIO&amp;b=BUG&amp;p=0.1.2</code> is a run, <code>&amp;at=1</code> a place in
        it, <code>#c=CHAPTER</code> a chapter. <code>#s=TEST&amp;seed=71</code> and{" "}
        <code>#s=TEST&amp;path=2.0.1</code> are runs as a failing test prints them.
      </p>
      <p class="buttons">
        <button type="button" onClick={close}>
          close
        </button>
      </p>
    </dialog>
  );
}
