// A browser without a window, and the page in it.
//
// Place: the tests use it. `PAGE` is the folder of the bundled page, `BROWSER` the program, and
// `SHOTS`, if set, a folder for pictures. Rules: a test fails if the page complains on its
// console, throws, or asks for anything outside its folder; it waits for a sign, never for a
// time.

import assert from "node:assert/strict";
import { after, before, test as plain } from "node:test";
import { join } from "node:path";
import { chromium } from "playwright-core";

import { address, serve } from "../serve.mjs";

const { PAGE, BROWSER, SHOTS } = process.env;
if (!PAGE || !BROWSER) throw new Error("PAGE and BROWSER say what is tested, and with what");

let server;
let browser;
/** The page's address. */
export let base;

before(async () => {
  server = await serve(PAGE, 0);
  base = address(server);
  // Chromium's own sandbox does not work for root, as in a container.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  browser = await chromium.launch({ executablePath: BROWSER, args });
});

after(async () => {
  await browser?.close();
  server?.close();
});

/** A test with a page of its own: `body(page)`; `options` are those of a browser's context. */
export function test(name, body, options = {}) {
  plain(name, { timeout: 600_000 }, async () => {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 900 },
      ...options,
    });
    context.setDefaultTimeout(120_000);
    const complaints = [];
    const page = await context.newPage();
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (line) => {
      if (["error", "warning"].includes(line.type())) complaints.push(line.text());
    });
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(base) && !url.startsWith("data:")) complaints.push(`asks for ${url}`);
    });
    try {
      await body(page);
      assert.deepEqual(complaints, []);
    } catch (why) {
      if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name.replace(/\W+/g, "-")}.png`) });
      throw why;
    } finally {
      await context.close();
    }
  });
}

/** Opens what a link names, and waits until it is shown. */
export async function open(page, hash = "") {
  await page.goto("about:blank");
  await page.goto(base + hash);
  await page.waitForSelector(".lane .cell");
  await settled(page);
}

/** Waits until every question is answered, and the address says so. */
export async function settled(page) {
  await page.waitForFunction(
    () =>
      document.querySelector(".stage")?.ariaBusy !== "true" &&
      document.documentElement.dataset.address !== "waits",
  );
}

/** Opens the page with a mirror that takes so long to answer. */
export async function open_slow(page, milliseconds) {
  await page.addInitScript((wait) => {
    const { postMessage } = Worker.prototype;
    Worker.prototype.postMessage = function (...args) {
      setTimeout(() => postMessage.apply(this, args), wait);
    };
  }, milliseconds);
  await page.goto(base);
}

/** Presses keys one after the other and waits for nothing, as one who types fast. */
export async function type(page, ...keys) {
  for (const key of keys) await page.keyboard.press(key);
}

/** Presses a key and waits for what follows. */
export async function press(page, ...keys) {
  for (const key of keys) {
    await page.keyboard.press(key);
    await settled(page);
  }
}

/** The path in the address, and the place in it. */
export async function place(page) {
  return page.evaluate(() => {
    const words = new URLSearchParams(location.hash.slice(1));
    return {
      scenario: words.get("s"),
      bug: words.get("b"),
      path: words.get("p"),
      at: words.get("at"),
    };
  });
}

/** Where the scrubber stands: `[place, last]`. */
export async function scrubber(page) {
  return (await page.textContent(".scrubber output")).split("/").map(Number);
}

/** All that the stage says of legs, clients and the mirror. */
export function stage(page) {
  return page.evaluate(() => {
    const text = (of) =>
      [...document.querySelectorAll(of)].map((it) => it.ariaLabel ?? it.textContent);
    return text(".lane [role=img], .queue .what, .op, .in-hand, .account li").join("\n");
  });
}

/** Keeps a picture of the page, if somebody wants pictures. */
export async function shot(page, name) {
  if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}
