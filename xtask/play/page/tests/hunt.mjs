// Plant a bug: a search finds a run that breaks a promise, and the run can be gone through.

import assert from "node:assert/strict";

import { open, place, press, scrubber, shot, test } from "./page.mjs";

/** The number of “the last leg gets no writes”; chapter 2 is about it. */
const BUG = "1062890520";

async function plant(page, bug) {
  await open(page);
  await page.click("text=Plant a bug");
  await page.check(`.bugs input[value="${bug}"]`);
  await page.waitForFunction(
    (id) => new URLSearchParams(location.hash.slice(1)).get("b") === (id || null),
    bug,
  );
}

test("a planted bug is found, shortened and explained", async (page) => {
  await plant(page, BUG);
  await page.click(".search");
  await page.waitForSelector(".progress:has-text('found in')");
  await page.waitForSelector(".report .text");
  // What was found is seen at once: it is not below the window's end, nor under the transport.
  const [report, transport] = await Promise.all(
    [".report .text", ".transport"].map((it) => page.locator(it).boundingBox()),
  );
  assert.ok(report.y >= 0 && report.y + report.height <= transport.y);
  const [at, last] = await scrubber(page);
  assert.equal(at, 0, "it stands at its beginning");
  assert.ok(last > 1);
  assert.match(await page.textContent(".progress"), new RegExp(`shortened to ${last} steps`));
  assert.equal(await page.locator(".violation").count(), 0);
  for (let step = 1; step <= last; step++) {
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction(
      (at) => document.querySelector(".scrubber output").textContent.startsWith(`${at}/`),
      step,
    );
  }
  await page.waitForSelector(".violation");
  assert.notEqual(await page.textContent(".violation .text"), "");
  assert.ok((await page.locator(".violation li").count()) > 0);
  assert.match(await page.textContent(".violation"), /promise/i);
  assert.match(await page.textContent(".clients li:last-child"), /✕.*a broken promise/);
  await page.click("text=Chapters");
  await page.waitForSelector("text=The stage shows another run.");
  await press(page, "r");
  await page.waitForFunction(() => !document.querySelector(".other-run"));
  await page.goBack();
  await page.waitForSelector(".violation");
  await shot(page, "violation");
  const { bug, path } = await place(page);
  assert.equal(bug, BUG);
  // The same run with nothing planted breaks nothing.
  const { scenario } = await place(page);
  await open(page, `#s=${scenario}&p=${path}`);
  assert.equal(await page.locator(".violation").count(), 0);
});

test("a search is stopped, and finds nothing where nothing is planted", async (page) => {
  await plant(page, "");
  await page.click(".search");
  await page.waitForFunction(() =>
    /searching: [1-9]/.test(document.querySelector(".progress").textContent),
  );
  // The page answers meanwhile.
  const before = (await scrubber(page))[1];
  await press(page, "1");
  await page.waitForFunction(
    (last) => Number(document.querySelector(".scrubber output").textContent.split("/")[1]) > last,
    before,
  );
  await page.click(".stop");
  await page.waitForSelector(".progress:has-text('stopped')");
  assert.match(await page.textContent(".progress"), /nothing found/);
});
