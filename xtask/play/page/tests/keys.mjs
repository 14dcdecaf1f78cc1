// The whole page without a mouse.

import assert from "node:assert/strict";

import {
  open,
  open_slow,
  place,
  press,
  scrubber,
  settled,
  stage,
  test,
  type,
} from "./page.mjs";

test("a run is made, wound back and gone through again by keys alone", async (page) => {
  await open(page);
  const seen = [await stage(page)];
  const [first] = await scrubber(page);
  for (const key of ["1", "1", "c"]) {
    await press(page, key);
    await page.waitForFunction(
      (at) => document.querySelector(".scrubber output").textContent.startsWith(`${at}/`),
      first + seen.length,
    );
    seen.push(await stage(page));
  }
  const end = await place(page);
  for (let back = seen.length - 2; back >= 0; back--) {
    await press(page, "ArrowLeft");
    await page.waitForFunction(
      (at) => document.querySelector(".scrubber output").textContent.startsWith(`${at}/`),
      first + back,
    );
    assert.equal(await stage(page), seen[back]);
  }
  await press(page, "End");
  await page.waitForFunction(() => {
    const [at, last] = document.querySelector(".scrubber output").textContent.split("/");
    return at === last;
  });
  assert.equal(await stage(page), seen.at(-1));
  assert.equal((await place(page)).path, end.path);
});

test("space plays until it is pressed again", async (page) => {
  await open(page);
  const [begun] = await scrubber(page);
  await press(page, " ");
  await page.waitForFunction(
    (at) => Number(document.querySelector(".scrubber output").textContent.split("/")[0]) > at + 2,
    begun,
  );
  await press(page, " ");
  await page.waitForSelector(".play:has-text('play')");
});

test("a request is opened by a key, and a number chooses among its ends", async (page) => {
  await open(page);
  for (let tries = 0; tries < 20 && (await page.locator(".more").count()) === 0; tries++)
    await press(page, "1");
  await press(page, "o");
  const ends = page.locator(".more[aria-expanded=true]").locator("..").locator(".option");
  assert.ok((await ends.count()) > 1);
  const keys = await ends.locator("kbd").allTextContents();
  assert.deepEqual(keys.slice(0, 2), ["1", "2"]);
  assert.equal(
    await page.locator(".world .option kbd").count(),
    0,
    "the numbers are the request's",
  );
  await press(page, "Escape");
  assert.equal(await page.locator(".more[aria-expanded=true]").count(), 0);
  const before = (await scrubber(page))[1];
  await press(page, "o", "2");
  await page.waitForFunction(
    (last) => Number(document.querySelector(".scrubber output").textContent.split("/")[1]) > last,
    before,
  );
});

test("every control is reached by the tabulator and says what it is", async (page) => {
  await open(page);
  await press(page, "1");
  const all = await page.evaluate(() => {
    const shown = (it) => it.checkVisibility() && !it.disabled && !it.closest("dialog");
    return [...document.querySelectorAll("button, input, select")].filter(shown).length;
  });
  const reached = new Set();
  for (let presses = 0; presses < all + 5; presses++) {
    await page.keyboard.press("Tab");
    const what = await page.evaluate(() => {
      const it = document.activeElement;
      if (!it || it === document.body) return null;
      it.dataset.reached ??= String(document.querySelectorAll("[data-reached]").length);
      const name = it.ariaLabel || it.labels?.[0]?.textContent || it.textContent;
      return {
        number: it.dataset.reached,
        name: name.trim(),
        control: it.matches("button, input, select"),
      };
    });
    if (!what) continue;
    assert.notEqual(what.name, "");
    if (what.control) reached.add(what.number);
  }
  assert.equal(reached.size, all);
});

test("help and chapters by keys", async (page) => {
  await open(page);
  await press(page, "?");
  assert.ok(await page.locator("dialog[open] .keys").isVisible());
  await press(page, "Escape");
  assert.equal(await page.locator("dialog[open]").count(), 0);
  await press(page, "n");
  await page.waitForSelector(".chapter h2:has-text('2.')");
  await press(page, "?", "Escape", "n");
  await page.waitForSelector(".chapter h2:has-text('3.')");
});

/** How long the mirror thinks where keys are to come before its answer, in milliseconds. */
const THINKS = 200;

/** Waits until the scrubber stands at `at` of `last`. */
function stands(page, at, last) {
  return page.waitForFunction(
    (text) => document.querySelector(".scrubber output")?.textContent === text,
    `${at}/${last}`,
  );
}

test("no key is lost while the mirror thinks", async (page) => {
  await open_slow(page, THINKS);
  await settled(page);
  await page.waitForSelector(".lane .cell");
  const [, first] = await scrubber(page);
  await type(page, "c", "c", "1", "c");
  await stands(page, first + 4, first + 4);
  await type(page, "ArrowLeft", "ArrowLeft", "ArrowLeft");
  await stands(page, first + 1, first + 4);
  await type(page, "End", "ArrowLeft", "c", "ArrowLeft");
  await stands(page, first + 3, first + 4);
  await type(page, "Home", "ArrowRight", "ArrowRight");
  await stands(page, 2, first + 4);
});

test("keys that come before a chapter is there act on it", async (page) => {
  await open_slow(page, THINKS);
  // Before the first answer of all.
  await type(page, "n");
  await page.waitForSelector(".chapter h2:has-text('2.')");
  await type(page, "n", "c", "r", "n");
  await page.waitForSelector(".chapter h2:has-text('4.')");
  await settled(page);
  const [, first] = await scrubber(page);
  await type(page, "r", "c");
  await stands(page, first + 1, first + 1);
});

test("the help opens and closes between two keys", async (page) => {
  await open(page);
  await type(page, "?", "Escape", "n", "?", "?", "n");
  await page.waitForSelector(".chapter h2:has-text('3.')");
  await type(page, "?", "Escape", "?");
  await page.waitForSelector("dialog[open] .keys");
  await page.evaluate(() => new Promise((done) => setTimeout(done)));
  assert.equal(await page.locator("dialog[open]").count(), 1);
  await type(page, "Escape", "n");
  await page.waitForSelector(".chapter h2:has-text('4.')");
});

test("space that comes twice plays nothing", async (page) => {
  await open_slow(page, THINKS);
  await type(page, " ", " ");
  await settled(page);
  await page.waitForSelector(".play:has-text('play')");
  const before = await scrubber(page);
  await type(page, " ", " ", "c");
  await page.waitForFunction(
    (last) => document.querySelector(".scrubber output").textContent !== last,
    before.join("/"),
  );
  await settled(page);
  await page.waitForSelector(".play:has-text('play')");
});
