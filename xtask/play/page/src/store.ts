// The store: which run is shown, at which place, and what a reader may do about it.
//
// Place: between the views, which draw `show` and call the methods, and the engine.
// Rules: a state is never made up, only asked for. What a person does while an answer is on its
// way is not lost: it is done once the answer is there, in the order in which it was asked for
// (`act`). Only the way to another place of the run is shortened: the last place counts. What was
// answered for a run that is no longer shown is dropped (`turn`).

import type { Ask, List, Option, State } from "./api.js";
import { chapterOf, type Chapter } from "./chapters/index.js";
import { Engine, Panic } from "./engine.js";
import * as link from "./link.js";
import { choices, type Choices, type Opened } from "./options.js";
import { lastPlace, pathTo, placeOf, runOf, type Run } from "./run.js";

/** What is beside the stage. */
export type Tab = "chapters" | "hunt" | "free";

/** All that the views draw. */
export interface Show {
  list: List | null;
  scenario: string;
  bug: string;
  state: State | null;
  /** What was shown one step before, if that is known: what changed is marked. */
  before: State | null;
  run: Run;
  at: number;
  choices: Choices | null;
  opened: Opened | null;
  playing: boolean;
  /** Steps a second. */
  speed: number;
  /** Whether chance may pick faults, crashes and stops. */
  faults: boolean;
  tab: Tab;
  chapter: Chapter | null;
  /** The chapter's goals that were reached, by their index. */
  reached: ReadonlySet<number>;
  /** A panic of the module, with the path that led to it. */
  panic: { text: string; path: number[] } | null;
  /** Why nothing can be shown at all. */
  broken: string | null;
  /** For everybody, and for those who hear the page. */
  notice: string;
  help: boolean;
  /** A question is on its way. */
  asking: boolean;
}

/** A question whose answer is where a run stands. */
type Placing = Extract<Ask, { do: "look" | "chance" | "onward" | "replay" }>;

/** A start takes some dozens of steps; a session of records that went bad, more. */
const START_STEPS_MAX = 200;

/** More than this a person does not type ahead. */
const WAITING_MAX = 32;

/** Safari allows a hundred changes of the address in 30 seconds. */
const WRITE_PAUSE_MS = 350;

const NOTHING: Run = { path: [], places: [0] };

export class Store {
  show: Show = {
    list: null,
    scenario: "",
    bug: "",
    state: null,
    before: null,
    run: NOTHING,
    at: 0,
    choices: null,
    opened: null,
    playing: false,
    speed: 2,
    faults: true,
    tab: "chapters",
    chapter: null,
    reached: new Set(),
    panic: null,
    broken: null,
    notice: "",
    help: false,
    asking: false,
  };

  private readonly hears = new Set<() => void>();
  /** Counts the runs that were begun: an answer for an earlier one is void. */
  private turn = 0;
  /** Answers are on their way, from the page's beginning on: who acts from them waits. */
  private busy = true;
  /** The place that is gone to, if the answers on their way are about that. */
  private wanted: number | null = null;
  /** What is done once the answers are there. */
  private waiting: (() => void)[] = [];
  /** Counts the times that play was begun: each goes on only until the next. */
  private plays = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private written = location.hash;
  private writtenAt = -Infinity;
  private writing: ReturnType<typeof setTimeout> | null = null;
  /** What is begun next is what the address names already. */
  private follows = false;
  /** The address that is written next is another place: Back leads to the one before. */
  private leaves = false;

  constructor(readonly engine: Engine) {}

  /** Calls `hear` after each change, until the returned function is called. */
  subscribe(hear: () => void): () => void {
    this.hears.add(hear);
    return () => this.hears.delete(hear);
  }

  set(change: Partial<Show>): void {
    this.show = { ...this.show, ...change };
    for (const hear of this.hears) hear();
  }

  say(notice: string): void {
    this.set({ notice });
  }

  /**
   * Does what begins from what is shown: at once, or behind what was asked for earlier. A key
   * that is held (`repeats`) acts as often as there are answers, and no more.
   */
  act(deed: () => void, repeats = false): void {
    if (!this.busy) deed();
    else if (!repeats && this.waiting.length < WAITING_MAX) this.waiting.push(deed);
  }

  /** Does what needs no answer on its way, but the page's first one. */
  once_begun(deed: () => void): void {
    if (this.show.state) deed();
    else this.act(deed);
  }

  /** Has the store wait for answers, and then does what has to wait for them. */
  private async alone(work: (turn: number) => Promise<void>): Promise<void> {
    const turn = this.turn;
    this.busy = true;
    await work(turn);
    if (turn !== this.turn) return;
    this.busy = false;
    while (!this.busy && this.waiting.length > 0) {
      const [deed, ...later] = this.waiting;
      // A deed that begins another run gives up what came before it, not what comes behind.
      this.waiting = [];
      deed!();
      this.waiting.push(...later);
    }
  }

  /** Asks what there is, and opens what the address names. */
  async begin(): Promise<void> {
    try {
      this.set({ list: await this.engine.ask({ do: "list" }) });
      await this.open(location.hash);
    } catch (why) {
      this.set({ broken: String(why) });
    }
    addEventListener("hashchange", () => {
      if (location.hash === this.written) return;
      this.written = location.hash;
      void this.open(location.hash);
    });
  }

  /** Opens what a link names; without one, the first chapter. */
  async open(hash: string): Promise<void> {
    const asked = link.parse(hash);
    const chapter = asked.chapter === null ? null : chapterOf(asked.chapter);
    this.follows = true;
    if (asked.scenario === null) {
      await this.begin_chapter(chapter ?? chapterOf(null)!);
      if (asked.chapter !== null && !chapter)
        this.say(`There is no chapter “${asked.chapter}”: here is the first.`);
      return;
    }
    if (!this.show.list?.scenarios.some(({ id }) => id === asked.scenario)) {
      await this.begin_chapter(chapterOf(null)!);
      return this.say(`There is no scenario “${asked.scenario}”: here is the first chapter.`);
    }
    const known = asked.bug === "" || this.show.list.bugs.some(({ id }) => id === asked.bug);
    const bug = known ? asked.bug : "";
    const tab = chapter ? "chapters" : bug ? "hunt" : "free";
    this.set({ tab, chapter: chapter ?? this.show.chapter, reached: new Set() });
    if (asked.replay !== null) return this.replay(asked.scenario, bug, asked.replay);
    await this.load(asked.scenario, bug, asked.path ?? [], asked.at);
    if (!known) this.say(`There is no bug “${asked.bug}”: the mirror runs as it is.`);
  }

  /** Begins a chapter at its start position. */
  async begin_chapter(chapter: Chapter): Promise<void> {
    this.set({ tab: "chapters", chapter, reached: new Set() });
    await this.load(chapter.scenario, chapter.bug, link.unpack(chapter.path) ?? [], null);
  }

  /** The run that a line of the simulator's names, shown from its beginning. */
  async replay(scenario: string, bug: string, line: string): Promise<void> {
    this.restart(scenario, bug);
    await this.alone(async (turn) => {
      const end = await this.ask({ do: "replay", scenario, bug, line }, turn);
      if (end) await this.unroll(end, turn, 0);
    });
  }

  /** A run by its path, shown at a place; at its end without one. */
  async load(scenario: string, bug: string, path: number[], at: number | null): Promise<void> {
    this.restart(scenario, bug);
    await this.alone(async (turn) => {
      const end = await this.ask({ do: "look", scenario, bug, path }, turn);
      if (end) await this.unroll(end, turn, at);
    });
  }

  private restart(scenario: string, bug: string): void {
    this.pause();
    if (this.show.state && !this.follows) {
      if (this.writing) this.put();
      this.leaves = true;
    }
    this.follows = false;
    this.turn += 1;
    this.wanted = null;
    if (this.show.state) this.waiting = [];
    this.set({ scenario, bug, panic: null, opened: null, before: null, notice: "" });
  }

  private async unroll(end: State, turn: number, at: number | null): Promise<void> {
    const run = runOf(end);
    if (at === null || at >= lastPlace(run)) return this.arrive(end, run, null);
    const { scenario, bug } = this.show;
    const state = await this.ask({ do: "look", scenario, bug, path: pathTo(run, at) }, turn);
    if (state) this.arrive(state, run, null);
  }

  /** Goes to a place of the run that is known. */
  async go(place: number): Promise<void> {
    if (!this.may_go()) return this.act(() => void this.go(place));
    const { run, scenario, bug } = this.show;
    this.wanted = Math.max(0, Math.min(place, lastPlace(run)));
    if (this.busy) return;
    await this.alone(async (turn) => {
      let at = this.show.at;
      while (turn === this.turn && this.wanted !== null && this.wanted !== at) {
        const next: number = this.wanted;
        const state = await this.ask({ do: "look", scenario, bug, path: pathTo(run, next) }, turn);
        if (state) this.arrive(state, run, next === this.show.at + 1 ? this.show.state : null);
        at = next;
      }
      if (turn === this.turn) this.wanted = null;
    });
  }

  /** Nothing is on its way but the answers about another place, and nobody waits for them. */
  private may_go(): boolean {
    return !this.busy || (this.wanted !== null && this.waiting.length === 0);
  }

  back(): void {
    this.move(-1);
  }

  forth(): void {
    this.move(1);
  }

  private move(by: number): void {
    this.pause();
    if (this.may_go()) void this.go((this.wanted ?? this.show.at) + by);
    else this.act(() => this.move(by));
  }

  /**
   * Lets this happen next where it was offered: it is one of the options of what is shown now.
   * What was known to follow is forgotten.
   */
  choose(option: Option): void {
    const { state, scenario, bug } = this.show;
    if (!state) return;
    this.pause();
    const path = [...state.path, ...option.path];
    this.act(() => void this.alone((turn) => this.step({ do: "look", scenario, bug, path }, turn)));
  }

  /** Lets chance make a step. */
  chance(repeats = false): void {
    this.pause();
    this.act(() => void this.by_chance(), repeats);
  }

  private async by_chance(): Promise<void> {
    const { state, scenario, bug, faults } = this.show;
    if (!state?.ask) return;
    const seed = Math.floor(Math.random() * 2 ** 32);
    const ask: Placing = { do: "chance", scenario, bug, path: state.path, seed, steps: 1, faults };
    await this.alone((turn) => this.step(ask, turn));
  }

  /** Lets happen what happens by itself, until the mirror runs or is held. */
  start_up(): void {
    this.pause();
    this.act(() => void this.alone((turn) => this.until_started(turn)));
  }

  private async until_started(turn: number): Promise<void> {
    const { scenario, bug } = this.show;
    for (let steps = 0; steps < START_STEPS_MAX && this.show.state?.life === "starting"; steps++) {
      const { path } = this.show.state;
      await this.step({ do: "onward", scenario, bug, path, seed: steps }, turn);
      if (turn !== this.turn || this.show.panic || this.show.broken) return;
    }
  }

  private async step(ask: Placing, turn: number): Promise<void> {
    const before = this.show.state;
    const state = await this.ask(ask, turn);
    if (state) this.arrive(state, runOf(state, before), before);
  }

  private async ask(ask: Placing, turn: number): Promise<State | null> {
    if (!this.show.asking) this.set({ asking: true });
    try {
      const state = await this.engine.ask(ask);
      return turn === this.turn ? state : null;
    } catch (why) {
      if (turn !== this.turn) return null;
      this.pause();
      this.waiting = [];
      if (why instanceof Panic)
        this.set({
          asking: false,
          panic: { text: why.message, path: "path" in ask ? ask.path : [] },
        });
      else this.set({ asking: false, broken: String(why) });
      return null;
    }
  }

  private arrive(state: State, run: Run, before: State | null): void {
    const at = placeOf(run, state);
    const { chapter, reached } = this.show;
    const seen = { state, before };
    const fresh =
      chapter?.goals.flatMap((goal, index) => (goal.reached(seen) ? [index] : [])) ?? [];
    const applies = this.show.tab === "chapters" && chapter?.scenario === this.show.scenario;
    const more = applies && fresh.some((index) => !reached.has(index));
    this.set({
      state,
      before,
      run,
      at,
      opened: null,
      panic: null,
      asking: false,
      choices: choices(state, null),
      reached: more ? new Set([...reached, ...fresh]) : reached,
      notice: more ? "A goal of this chapter is reached." : "",
    });
    this.write();
    if (state.over && at === lastPlace(run)) this.pause();
  }

  /** The link to what is shown: the whole run that is known, and the place in it. */
  here(): string {
    const { scenario, bug, run, at, chapter, tab } = this.show;
    return link.format({
      scenario,
      bug,
      chapter: tab === "chapters" ? (chapter?.id ?? null) : null,
      path: run.path,
      at: at === lastPlace(run) ? null : at,
      replay: null,
    });
  }

  /** Puts the link into the address bar, not more often than browsers allow. */
  private write(): void {
    const wait = this.writtenAt + WRITE_PAUSE_MS - performance.now();
    document.documentElement.dataset.address = "waits";
    if (wait > 0) {
      this.writing ??= setTimeout(() => {
        this.writing = null;
        this.write();
      }, wait);
      return;
    }
    this.put();
    document.documentElement.dataset.address = "written";
  }

  private put(): void {
    if (this.writing) clearTimeout(this.writing);
    this.writing = null;
    // Somebody has typed another address, and it was not heard of yet: it is not written over.
    if (location.hash !== this.written) return;
    this.writtenAt = performance.now();
    const here = this.here();
    try {
      if (this.leaves && here !== location.hash) history.pushState(null, "", here);
      else history.replaceState(null, "", here);
      this.leaves = false;
      this.written = location.hash;
    } catch {
      // A browser that is asked too often refuses: the next step writes it.
    }
  }

  /** Opens a request, so that all its ends are shown; the same one again closes it. */
  toggle(opened: Opened | null): void {
    const { state, opened: was } = this.show;
    const same = opened && was?.leg === opened.leg && was.request === opened.request;
    const now = same ? null : opened;
    this.set({ opened: now, choices: state && choices(state, now) });
  }

  play_or_pause(): void {
    if (this.show.playing) return this.pause();
    this.act(() => {
      if (this.show.playing) return this.pause();
      this.plays += 1;
      this.set({ playing: true });
      void this.play(this.plays);
    });
  }

  pause(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    if (this.show.playing) this.set({ playing: false });
  }

  /** What is known to follow comes first; then chance goes on. */
  private async play(number: number): Promise<void> {
    const goes_on = () => this.show.playing && this.plays === number;
    if (!goes_on()) return;
    if (this.busy) return this.act(() => void this.play(number));
    const { run, at, state } = this.show;
    if (at < lastPlace(run)) await this.go(at + 1);
    else if (state?.ask) await this.by_chance();
    else return this.pause();
    if (goes_on()) this.timer = setTimeout(() => void this.play(number), 1000 / this.show.speed);
  }
}
