// What the clients asked for and were told, what the mirror has in hand, and what may happen
// that concerns no single leg.
//
// Place: drawn by `stage.tsx`, above the legs: a request comes from the top.

import type { Kind, Request, TxState, UserOp } from "../api.js";
import type { Show, Store } from "../store.js";
import { Icon, type IconName } from "./icon.js";
import { Key, OptionButton, range, stampText } from "./parts.js";

/** How many of the clients' requests are shown. */
const USER_SHOWN = 4;

const ENDS: Record<UserOp["state"], { sign: string; word: string; text: string }> = {
  open: { sign: "…", word: "open", text: "waits for its answer" },
  done: { sign: "✓", word: "done", text: "acknowledged" },
  failed: { sign: "✕", word: "failed", text: "failed" },
  lost: { sign: "⌀", word: "lost", text: "its machine went down" },
};

/** How a request ended whose end broke a promise. */
const BROKEN = { sign: "✕", word: "a broken promise", text: "acknowledged" };

export function Clients({ show }: { show: Show }) {
  const { user: all, violation } = show.state!;
  const shown = all.slice(-USER_SHOWN);
  return (
    <section class="clients" aria-label="clients">
      <h3>Clients</h3>
      {all.length === 0 && <p class="nothing">nothing was asked for yet</p>}
      <ul>
        {shown.map((op) => {
          const breaks = op.id === violation?.request;
          const { sign, word, text } = breaks ? BROKEN : ENDS[op.state];
          const told = answer(op) ?? text;
          return (
            <li
              class={`op is-${breaks ? "failed" : op.state}`}
              key={`${op.id}${op.state}`}
              title={`${op.cmd}: ${op.text || text}`}
            >
              <b class={/^(write|fua|discard)/.test(op.cmd) ? `tag write-${op.id % 6}` : "tag"}>
                {name(op)}
              </b>
              <span>
                {op.cmd === "fua" ? "write FUA" : op.cmd}
                {op.count > 0 && ` ${range(op.start, op.count)}`}
              </span>
              <span class="end">
                <i aria-hidden="true">{sign}</i> {told}
                <span class="unseen">, {word}</span>
              </span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** What the client was told, in few words: of what was read, runs of equal sectors as one. */
function answer(op: UserOp): string | null {
  const [verb, ...stamps] = op.text.split(" ");
  if (op.state === "done" && verb !== "read") return null;
  if (op.state !== "done") return op.text || null;
  const runs: { text: string; count: number }[] = [];
  for (const stamp of stamps) {
    const text = stampText({ write: null, text: stamp.split("@")[0]! });
    const last = runs.at(-1);
    if (last?.text === text) last.count++;
    else runs.push({ text, count: 1 });
  }
  return runs.map(({ text, count }) => (count > 1 ? `${text}×${count}` : text)).join(" ");
}

/** As its stamp has it: a write by FUA is a write. */
function name(op: UserOp): string {
  return `${op.cmd === "fua" ? "w" : (op.cmd[0] ?? "")}${op.id}`;
}

export function Mirror({ show }: { show: Show }) {
  const { life, why, generation, requests, boots } = show.state!;
  return (
    <section class="mirror" aria-label="the mirror">
      <h3>
        The mirror <span class={`badge life-${life}`}>{life}</span>
        {generation && (
          <small>
            generation <code>{generation.slice(0, 8)}</code>
          </small>
        )}
        {boots > 1 && <small>start {boots}</small>}
      </h3>
      {why && <p class="why">{why}</p>}
      {requests.length === 0 && <p class="nothing">has nothing in hand</p>}
      <ul>
        {requests.map((request) => (
          <InHand request={request} key={request.id} />
        ))}
      </ul>
    </section>
  );
}

function InHand({ request }: { request: Request }) {
  return (
    <li class={`in-hand${request.own ? " own" : ""}`}>
      <span class="what">
        {request.own ? "its own " : ""}
        {request.cmd}
        {request.count > 0 && ` ${range(request.start, request.count)}`}
      </span>
      <span class={`phase${/park/.test(request.phase) ? " parked" : ""}`}>{request.phase}</span>
      {request.txs.length > 0 && (
        <span class="txs">
          {request.txs.map((tx) => (
            <Track leg={tx.leg} state={tx.state} />
          ))}
        </span>
      )}
    </li>
  );
}

const STATIONS: { state: TxState; letter: string }[] = [
  { state: "START", letter: "S" },
  { state: "MAP", letter: "M" },
  { state: "DATA_WRITE", letter: "W" },
  { state: "DATA_FLUSH", letter: "F" },
  { state: "DONE", letter: "✓" },
];

/** A transaction's way from START to DONE. */
function Track({ leg, state }: { leg: number; state: TxState }) {
  const at = STATIONS.findIndex((station) => station.state === state);
  return (
    <span class="track" role="img" aria-label={`transaction of leg ${leg}: ${state}`} title={state}>
      <small>leg {leg}</small>
      {state === "FAILED" ? (
        <b class="station failed">✕</b>
      ) : (
        STATIONS.map(({ letter }, index) => (
          <b class={`station${index === at ? " now" : index < at ? " past" : ""}`}>{letter}</b>
        ))
      )}
      <small class="tx-state">{state}</small>
    </span>
  );
}

const SIGNS: Partial<Record<Kind, IconName>> = {
  ask: "ask",
  work: "clock",
  crash: "bolt",
  stop: "power",
  person: "person",
  act: "person",
  resume: "person",
  return: "returns",
};

/** What the simulator asks, as a person would. */
const QUESTIONS: Record<string, string> = {
  event: "What happens next?",
  "which fault": "What goes wrong?",
  survivor: "What survives?",
  landed: "Did it land?",
  "a leg is absent": "Is a leg missing at the next start?",
  "which leg": "Which leg?",
  "of which leg": "Of which leg?",
  "the disks keep their power": "Do the disks lose their power too?",
  "takes effect only": "Does it complete?",
  command: "What does the client ask for?",
  "what a person does": "What does the person do?",
  "what is said": "What does the person say?",
  "plug all in": "Does the person plug all legs in?",
  exchanged: "Is it another disk?",
};

/** What may happen next that is of no leg. */
export function WorldBar({ store, show }: { store: Store; show: Show }) {
  const { state, choices } = show;
  const world = choices?.world ?? [];
  const asks = state?.ask?.what ?? "event";
  return (
    <section class="world" aria-label="what happens next">
      <h3>{QUESTIONS[asks] ?? `${asks[0]?.toUpperCase()}${asks.slice(1)}?`}</h3>
      {state?.over && (
        <p class="nothing">
          {state.over === "rest"
            ? "Nothing is left that has to happen: the run is at rest."
            : "The run is over."}
        </p>
      )}
      {!state?.over && world.length === 0 && <p class="nothing">choose in a leg</p>}
      <div class="options">
        {state?.life === "starting" && asks === "event" && (
          <button
            type="button"
            class="option"
            aria-keyshortcuts="s"
            onClick={() => store.start_up()}
          >
            <Key name="s" /> <Icon name="play" /> let it start
          </button>
        )}
        {world.map((choice) => (
          <OptionButton store={store} choice={choice} sign={SIGNS[choice.option.kind]} />
        ))}
      </div>
    </section>
  );
}
