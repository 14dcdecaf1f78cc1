// What the WebAssembly module is asked and what it answers, in types.
//
// Place: the crate `play` answers, `worker.ts` carries; everything else of the page only looks
// at these. Rules: each answer is a function of its question alone, so any of them may be asked
// again, in any order. Sectors and regions are counted from the beginning of the mirror's data.

/** A question. A path has a number for whatever was asked in a run: it makes the run again. */
export type Ask =
  | { do: "list" }
  | { do: "look"; scenario: string; bug: string; path: number[] }
  | {
      do: "chance";
      scenario: string;
      bug: string;
      path: number[];
      seed: number;
      /** How many more steps. */
      steps: number;
      /** Whether chance may pick faults, crashes and stops. */
      faults: boolean;
    }
  | {
      /** One thing more that happens by itself: nothing goes wrong, and no leg comes back. */
      do: "onward";
      scenario: string;
      bug: string;
      path: number[];
      seed: number;
    }
  | {
      do: "replay";
      scenario: string;
      bug: string;
      /** A line of the simulator's: `seed=71`, `path=2.0.1`. */
      line: string;
    }
  | { do: "search"; scenario: string; bug: string; seed: number; runs: number };

/** The answer that belongs to a question. */
export type Answer<A extends Ask> = A extends { do: "list" }
  ? List
  : A extends { do: "search" }
    ? Found
    : State;

export interface List {
  scenarios: Scenario[];
  bugs: Bug[];
}

export interface Scenario {
  id: string;
  legs: number;
  sectors: number;
  /** Sectors a region. */
  region: number;
  title: string;
  /** The test whose runs these are, if there is one. */
  test: string | null;
}

/** A rule that can be taken out of the mirror; the one with the empty identity is none. */
export interface Bug {
  id: string;
  name: string;
  rule: string;
}

export interface Found {
  runs: number;
  steps: number;
  found: null | { seed: number; path: number[]; violation: string; account: string[] };
}

export interface State {
  path: number[];
  step: number;
  /** The length of the path at the beginning of each step. */
  marks: number[];
  /** What is to be decided next; null: the run is over. */
  ask: Question | null;
  over: null | "rest" | "violation";
  /** `request` is the client's whose end broke the promise, if it was one. */
  violation: null | { text: string; promise: string; request: number | null };
  life: string;
  /** Why it is held or refused, or empty. */
  why: string;
  boots: number;
  generation: string | null;
  legs: Leg[];
  requests: Request[];
  /** The last 40 requests of clients, oldest first. */
  user: UserOp[];
  oracle: { sector: number; may: Stamp[]; durable: Stamp[] }[];
  left: { faults: number; crashes: number; stops: number; returns: number; acts: number };
  /** The last 200 lines, oldest first. */
  account: { step: number; text: string }[];
}

export interface Question {
  what: string;
  options: Option[];
}

export type Kind =
  | "request"
  | "ask"
  | "work"
  | "late"
  | "return"
  | "person"
  | "resume"
  | "crash"
  | "stop"
  | "act"
  | "answer";

export interface Option {
  /** What choosing it appends to the path. */
  path: number[];
  kind: Kind;
  /** The lane that it belongs to. */
  leg: number | null;
  /** The request of that leg that gets on. */
  request: number | null;
  label: string;
}

/** Which write a sector's content came from. */
export interface Stamp {
  write: number | null;
  text: string;
}

export interface Leg {
  name: string;
  presence: "ready" | "gone" | "silent";
  standing: "in sync" | "coming" | "out" | "no member" | "unknown";
  sectors: { media: Stamp; cache: Stamp | null }[];
  /** The leg's own map. */
  regions: { media: Mark; cache: Mark | null }[];
  /** What the running mirror thinks of each region and this leg. */
  memory: { dirty: boolean; missed: boolean; unsettled: boolean }[];
  superblock: { media: Superblock | null; cache: Superblock | null };
  waiting: Waiting[];
  late: { id: number; text: string }[];
}

export interface Waiting {
  id: number;
  cmd: "read" | "write" | "fua" | "flush" | "discard";
  what: "data" | "superblock" | "map" | "search";
  start: number;
  count: number;
  text: string;
  /** It has taken effect, and has not completed. */
  performed: boolean;
}

export interface Mark {
  dirty: boolean;
  /** The members that miss it. */
  missed: number[];
}

export interface Superblock {
  generation: string;
  seq: number;
  session: number;
  /** For each member: "in sync", "rebuilding", "out" or "-". */
  members: string[];
}

export type TxState = "START" | "MAP" | "DATA_WRITE" | "DATA_FLUSH" | "DONE" | "FAILED";

export interface Request {
  id: number;
  /** The mirror's own: copy, scrub, repair. */
  own: boolean;
  cmd: string;
  start: number;
  count: number;
  phase: string;
  txs: { leg: number; state: TxState }[];
}

export interface UserOp {
  id: number;
  cmd: string;
  start: number;
  count: number;
  state: "open" | "done" | "failed" | "lost";
  /** What a read answered, or the error. */
  text: string;
}
