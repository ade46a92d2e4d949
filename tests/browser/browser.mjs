// Chromium, and what is held of every page of the console.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** How a page is looked at: on a desk by day and by night, on a telephone, on a wall. */
const views = {
  desk: { size: { width: 1280, height: 800 }, colorScheme: "light" },
  night: { size: { width: 1280, height: 800 }, colorScheme: "dark" },
  telephone: { size: { width: 400, height: 800 }, colorScheme: "light" },
  wall: { size: { width: 3840, height: 2160 }, colorScheme: "dark" },
};

export async function launch() {
  const root = process.getuid?.() === 0;
  // As root Chromium has no sandbox of its own.
  const args = root ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath: process.env.CHROMIUM, args });
}

/** A page that fails the story when anything in it fails, or is refused by the policy. */
export async function open(browser, options = {}) {
  const context = await browser.newContext({ viewport: views.desk.size, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(message.text());
  });
  page.faults = faults;
  return page;
}

/** One step of a story; its name is told before it, so that a failure names it. */
export async function step(name, act) {
  console.log(`-- ${name}`);
  return act();
}

/** Looks at the page as it is in every view: no fault that axe finds, nothing that sticks out. */
export async function look(page, name) {
  for (const [view, { size, colorScheme }] of Object.entries(views)) {
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html)}`);
    assert.deepEqual(found, [], `${name}, ${view}`);
    const over = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    assert.equal(over, 0, `${name} is wider than a ${view}`);
  }
  await page.setViewportSize(views.desk.size);
  await page.emulateMedia({ colorScheme: "light", reducedMotion: null });
  assert.deepEqual(page.faults, [], name);
}

/** Every control can be reached by the tabulator key, the first of which leads to the content. */
export async function walk(page) {
  await page.evaluate(() => document.activeElement?.blur());
  const controls = await page.evaluate(() => {
    const all = "a[href], button, input:not([type=hidden]), select, textarea, summary";
    const shown = [...document.querySelectorAll(all)].filter((one) => one.checkVisibility());
    // Of radio buttons of one name the key reaches one.
    const once = new Set();
    return shown.filter((one) => one.type !== "radio" || (!once.has(one.name) && once.add(one.name)))
      .length;
  });
  const seen = new Set();
  for (let at = 0; at < 3 * controls && seen.size < controls; at += 1) {
    await page.keyboard.press("Tab");
    const [control, text] = await page.evaluate(() => {
      const one = document.activeElement;
      const all = "a[href], button, input, select, textarea, summary";
      globalThis.walked ??= [];
      if (one.matches(all) && !globalThis.walked.includes(one)) globalThis.walked.push(one);
      return [globalThis.walked.indexOf(one), one.textContent];
    });
    if (at === 0) assert.equal(text, "Skip to the content");
    if (control >= 0) seen.add(control);
  }
  assert.equal(seen.size, controls, "controls that the tabulator key reaches");
}
