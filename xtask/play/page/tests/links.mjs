// A link is a moment of a run: where it was copied, there it opens.

import assert from "node:assert/strict";

import { open, place, press, scrubber, settled, stage, test } from "./page.mjs";

/** The first scenario that the module has. */
async function scenario(page) {
  await open(page);
  await page.click("text=Free play");
  return page.locator(".free select option").first().getAttribute("value");
}

test("a link opens where it was copied", async (page) => {
  const id = await scenario(page);
  await open(page, `#s=${id}`);
  await press(page, "1", "1", "1", "c", "c", "ArrowLeft");
  const here = await page.evaluate(() => location.hash);
  assert.match(here, /at=/);
  const seen = await stage(page);
  await open(page, here);
  assert.equal(await stage(page), seen);
  assert.equal(await page.evaluate(() => location.hash), here);
  await press(page, "ArrowRight");
  assert.notEqual(await stage(page), seen);
});

test("a line of the simulator's is a run, and is shown from its beginning", async (page) => {
  const id = await scenario(page);
  await open(page, `#s=${id}&path=2.0.1`);
  const [at, last] = await scrubber(page);
  assert.equal(at, 0);
  assert.ok(last > 3, `${last} places`);
  await press(page, "End");
  await page.waitForSelector(".world:has-text('the run is at rest')");
});

test("a seed is a run, and is shown from its beginning", async (page) => {
  const id = await scenario(page);
  await open(page, `#s=${id}&seed=71`);
  const [at, last] = await scrubber(page);
  assert.equal(at, 0);
  assert.ok(last > 3, `${last} steps`);
  const first = (await place(page)).path;
  await open(page, `#s=${id}&seed=72`);
  assert.notEqual((await place(page)).path, first);
  await open(page, `#s=${id}&seed=71`);
  assert.equal((await place(page)).path, first);
});

test("a link to what is not there says so", async (page) => {
  await open(page, "#s=no-such-scenario&p=1.2");
  await page.waitForSelector("text=There is no scenario");
  await open(page, "#p=1.x.2");
  assert.equal(await page.locator(".chapter h2").count(), 1);
});

test("a link to a chapter that is not there says so", async (page) => {
  await open(page, "#c=no-such-chapter");
  await page.waitForSelector("text=There is no chapter");
  assert.match(await page.textContent(".chapter h2"), /^1\./);
});

test("Back leads to the chapter that was left, where it was left", async (page) => {
  await open(page, "#c=read");
  await press(page, "1");
  const left = await page.evaluate(() => location.hash);
  await press(page, "n");
  await page.waitForSelector('.chapter h2:has-text("2.")');
  await press(page, "1", "1");
  await page.goBack();
  await page.waitForSelector('.chapter h2:has-text("1.")');
  await settled(page);
  assert.equal(await page.evaluate(() => location.hash), left);
  await page.goForward();
  await page.waitForSelector('.chapter h2:has-text("2.")');
});

test("a new address is followed without loading the page anew", async (page) => {
  const id = await scenario(page);
  await page.evaluate((to) => (location.hash = to), `#s=${id}&p=0.0`);
  // Two decisions are one step; the chapter that was shown before has many.
  await page.waitForFunction(
    () => document.querySelector(".scrubber output").textContent === "1/1",
  );
  await settled(page);
  assert.equal((await place(page)).scenario, id);
  assert.equal((await place(page)).path, "0.0");
});
