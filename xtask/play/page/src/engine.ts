// The engine: asks the worker, and promises the answer.
//
// Place: below `store.ts`. Rule: a panic in the module is an answer of its own kind
// (`Panic`), which who asked must show; anything else that goes wrong is an error.

import type { Answer, Ask } from "./api.js";
import type { Back, Sent } from "./worker.js";

/** The run ended in a panic of the mirror or of the simulator. */
export class Panic extends Error {}

/** What the module says to a question that it cannot answer. */
function isRefusal(answer: unknown): answer is { error: string } {
  return typeof answer === "object" && answer !== null && "error" in answer;
}

export class Engine {
  private readonly worker: Worker;
  private readonly open = new Map<
    number,
    { resolve(answer: unknown): void; reject(why: Error): void }
  >();
  private next = 0;

  constructor(url = "worker.js") {
    this.worker = new Worker(url);
    this.worker.onmessage = ({ data }: MessageEvent<Back>) => this.hear(data);
    this.worker.onerror = (event) => {
      for (const { reject } of this.open.values()) reject(new Error(event.message || "no worker"));
      this.open.clear();
    };
  }

  ask<A extends Ask>(ask: A): Promise<Answer<A>> {
    const sent: Sent = { id: this.next++, ask };
    return new Promise((resolve, reject) => {
      this.open.set(sent.id, { resolve: resolve as (answer: unknown) => void, reject });
      this.worker.postMessage(sent);
    });
  }

  private hear(back: Back): void {
    const asked = this.open.get(back.id);
    this.open.delete(back.id);
    if (!asked) return;
    if ("panic" in back) asked.reject(new Panic(back.panic));
    else if ("broken" in back) asked.reject(new Error(back.broken));
    else if (isRefusal(back.answer)) asked.reject(new Error(back.answer.error));
    else asked.resolve(back.answer);
  }
}
