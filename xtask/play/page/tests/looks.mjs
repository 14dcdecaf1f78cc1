// How the page looks: narrow windows, colours, what a first visit loads.

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";

import { base, open, press, shot, test } from "./page.mjs";

const NARROW = { viewport: { width: 360, height: 740 } };

/** How much a first visit may load, in bytes, from a host that compresses. */
const LOAD_MAX = 1 << 20;
const SCRIPTS_MAX = 40_000;

/** WCAG 2.2, 1.4.3: text against what is behind it. */
const CONTRAST_MIN = 4.5;

test(
  "nothing scrolls sideways at 360 pixels",
  async (page) => {
    const fits = async (what) => {
      const [wide, window] = await page.evaluate(() => [
        document.documentElement.scrollWidth,
        innerWidth,
      ]);
      assert.ok(wide <= window, `${what}: ${wide} pixels`);
    };
    await open(page);
    for (let number = 1; number <= 8; number++) {
      await page.click(`.chapter-list li:nth-child(${number}) button`);
      await page.waitForSelector(`.chapter h2:has-text("${number}.")`);
      await press(page, "1", "c", "c", "c", "o");
      await fits(`chapter ${number}`);
    }
    await shot(page, "narrow");
    for (const tab of ["Plant a bug", "Free play"]) {
      await page.click(`text=${tab}`);
      await fits(tab);
    }
    const scenarios = await page
      .locator(".free select option")
      .evaluateAll((all) => all.map((it) => it.value));
    for (const id of scenarios) {
      await open(page, `#s=${id}&seed=3`);
      await press(page, "ArrowRight", "ArrowRight", "ArrowRight");
      await fits(id);
    }
    await press(page, "?");
    await fits("help");
  },
  NARROW,
);

/** The texts whose contrast is too small, each with its figure. */
function illegible(page) {
  return page.evaluate((least) => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      return [r, g, b, a / 255];
    };
    const behind = (it) => {
      for (; it; it = it.parentElement) {
        const colour = rgba(getComputedStyle(it).backgroundColor);
        if (colour[3] === 1) return colour;
      }
      return [255, 255, 255, 1];
    };
    const light = ([r, g, b]) => {
      const [x, y, z] = [r, g, b].map((c) =>
        c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4,
      );
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const texts = [...document.querySelectorAll("#page *")].filter((it) => {
      const own = [...it.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
      return (
        own && it.checkVisibility() && !it.closest(":disabled, .gone, .unseen, dialog, .notice")
      );
    });
    return texts.flatMap((it) => {
      const [a, b] = [light(rgba(getComputedStyle(it).color)), light(behind(it))].sort(
        (x, y) => y - x,
      );
      const contrast = (a + 0.05) / (b + 0.05);
      return contrast < least
        ? [`${it.className || it.tagName} “${it.textContent.slice(0, 20)}”: ${contrast.toFixed(2)}`]
        : [];
    });
  }, CONTRAST_MIN);
}

for (const colorScheme of ["light", "dark"]) {
  test(
    `every text is legible where the system is ${colorScheme}`,
    async (page) => {
      await open(page);
      const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const own = await paper();
      await press(page, "1", "1", "c", "c", "c", "c", "c", "c", "c");
      assert.deepEqual(await illegible(page), []);
      await shot(page, colorScheme);
      // As the system, dark, light.
      await press(page, "t");
      const dark = await paper();
      assert.deepEqual(await illegible(page), []);
      await press(page, "t");
      const light = await paper();
      assert.notEqual(dark, light);
      assert.equal(own, colorScheme === "dark" ? dark : light);
      await page.reload();
      await page.waitForSelector(".lane");
      assert.equal(await paper(), light, "the choice is kept");
    },
    { colorScheme },
  );
}

test(
  "nothing moves where the system asks for that",
  async (page) => {
    await open(page);
    await press(page, "1", "1", "1", "c");
    const moving = await page.evaluate(() => document.getAnimations().length);
    assert.equal(moving, 0);
  },
  { reducedMotion: "reduce" },
);

test("a first visit is small", async () => {
  const sizes = {};
  for (const name of ["", "main.js", "worker.js", "main.css", "play.wasm"]) {
    const response = await fetch(base + name);
    assert.equal(response.status, 200, name);
    sizes[name] = gzipSync(Buffer.from(await response.arrayBuffer())).length;
  }
  const all = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  assert.ok(all < LOAD_MAX, `${all} bytes`);
  const scripts = sizes["main.js"] + sizes["worker.js"];
  assert.ok(scripts < SCRIPTS_MAX, `${scripts} bytes of scripts`);
});

test("the server gives nothing outside its folder", async () => {
  for (const name of ["../package.json", "%2e%2e/package.json", "..%2fpackage.json", "none.js"]) {
    assert.equal((await fetch(base + name)).status, 404, name);
  }
  assert.equal((await fetch(base, { method: "POST" })).status, 405);
  assert.equal((await fetch(`${base}%`)).status, 400);
});
