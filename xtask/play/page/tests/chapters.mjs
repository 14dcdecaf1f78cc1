// Each chapter begins as its text says, and its goals can be reached by its own means.

import assert from "node:assert/strict";

import { open, place, press, scrubber, settled, shot, test } from "./page.mjs";
import { WAYS } from "./ways.mjs";

const CHAPTERS = 8;

test("there are eight chapters, and each begins at its start position", async (page) => {
  await open(page);
  assert.equal(await page.locator(".chapter-list button").count(), CHAPTERS);
  const titles = new Set();
  for (let number = 1; number <= CHAPTERS; number++) {
    await page.click(`.chapter-list li:nth-child(${number}) button`);
    await page.waitForSelector(`.chapter h2:has-text("${number}.")`);
    await page.waitForFunction(() => document.querySelectorAll(".option").length > 1);
    titles.add(await page.textContent(".chapter h2"));
    assert.equal(await page.locator(".violation").count(), 0);
    assert.equal(await page.locator(".goals .reached").count(), 0, "nothing is reached yet");
    const [at, last] = await scrubber(page);
    assert.equal(at, last, "the reader decides what comes next");
  }
  assert.equal(titles.size, CHAPTERS);
});

for (const [id, way] of Object.entries(WAYS)) {
  test(`chapter ${id}: its goals are reached`, async (page) => {
    await open(page, `#c=${id}`);
    const { scenario, bug, path } = await place(page);
    const start = (await scrubber(page))[0];
    const whole = [path, way].filter(Boolean).join(".");
    await open(page, `#c=${id}&s=${scenario}&b=${bug ?? ""}&p=${whole}&at=${start}`);
    assert.equal((await scrubber(page))[0], start);
    const last = (await scrubber(page))[1];
    for (let step = start; step < last; step++) {
      await page.keyboard.press("ArrowRight");
      await page.waitForFunction(
        (at) => document.querySelector(".scrubber output").textContent.startsWith(`${at}/`),
        step + 1,
      );
    }
    const goals = await page.locator(".goals li").count();
    await shot(page, `chapter-${id}`);
    assert.equal(await page.locator(".goals .reached").count(), goals);
    assert.ok(await page.locator(".after").isVisible());
  });
}

/** Chooses what is called so. */
async function choose(page, label) {
  await page.click(`.option:has-text("${label}")`);
  await settled(page);
}

test("chapter split: a leg that is missing stays missing while the mirror starts", async (page) => {
  await open(page, "#c=split");
  await choose(page, "start with what is there");
  await press(page, "s");
  await page.waitForSelector(".goals li:nth-child(1).reached");
  await page.waitForSelector(".lane:has-text('leg 0') >> text=not there");
  await choose(page, "choose what survives");
  await choose(page, "the disks lose their power");
  while ((await page.textContent(".world h3")) === "What survives?")
    await choose(page, "stays");
  await choose(page, "a leg is missing");
  await choose(page, "leg 1");
  await press(page, "s");
  await page.waitForSelector(".goals li:nth-child(2).reached");
});
