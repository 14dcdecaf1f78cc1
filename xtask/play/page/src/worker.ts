// The worker: the WebAssembly module lives here, so that no run holds up the page.
//
// Place: `engine.ts` starts it and talks to it; nothing else does. Rules: one question at a
// time, in the order in which they came. A panic of the mirror or the simulator traps: the
// instance is thrown away, and the next question gets a new one. The module is asked for from
// the folder of the page, and nothing else is ever fetched.

import type { Ask } from "./api.js";

/** What the worker is sent. */
export interface Sent {
  id: number;
  ask: Ask;
}

/** What it sends back: an answer, or why there is none. */
export type Back =
  { id: number; answer: unknown } | { id: number; panic: string } | { id: number; broken: string };

interface Module {
  memory: WebAssembly.Memory;
  give(length: number): number;
  ask(pointer: number, length: number): number;
}

const scope = self as unknown as {
  postMessage(back: Back): void;
  onmessage: ((event: MessageEvent<Sent>) => void) | null;
};

const compiled = compile();
let instance: Promise<Module> | null = null;
let last: Promise<void> = Promise.resolve();

async function compile(): Promise<WebAssembly.Module> {
  const response = await fetch(new URL("play.wasm", self.location.href));
  if (!response.ok) throw new Error(`play.wasm: ${response.status} ${response.statusText}`);
  return WebAssembly.compile(await response.arrayBuffer());
}

async function instantiate(): Promise<Module> {
  const made = await WebAssembly.instantiate(await compiled, {});
  return made.exports as unknown as Module;
}

function put(module: Module, question: Ask): unknown {
  const bytes = new TextEncoder().encode(JSON.stringify(question));
  const pointer = module.give(bytes.length);
  // Memory may have grown: a view is made anew for each use.
  new Uint8Array(module.memory.buffer, pointer, bytes.length).set(bytes);
  const at = module.ask(pointer, bytes.length);
  const length = new DataView(module.memory.buffer).getUint32(at, true);
  const answer = new Uint8Array(module.memory.buffer, at + 4, length);
  return JSON.parse(new TextDecoder().decode(answer));
}

async function serve({ id, ask }: Sent): Promise<void> {
  try {
    instance ??= instantiate();
    scope.postMessage({ id, answer: put(await instance, ask) });
  } catch (why) {
    instance = null;
    const text = String(why);
    const trapped = why instanceof WebAssembly.RuntimeError || why instanceof RangeError;
    scope.postMessage(trapped ? { id, panic: text } : { id, broken: text });
  }
}

scope.onmessage = ({ data }) => {
  last = last.then(() => serve(data));
};
