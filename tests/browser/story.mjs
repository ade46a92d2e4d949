// An administrator's story, in a browser and with real agents: a fleet's state at a glance, a script that
// fails on some devices, why, once more on just those, and the mended script.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch, look, open, step, walk } from "./browser.mjs";

const AGENTS = 6;
const FAIL = 4;

const ready = JSON.parse(readFileSync(process.env.RUNSTATE_READY_FILE, "utf8"));
const server = ready.baseUrl.replace(/\/beta$/, "");
const here = dirname(fileURLToPath(import.meta.url));
const pictures = process.env.RUNSTATE_SCREENSHOTS ?? join(here, "pictures");
const folder = mkdtempSync(join(tmpdir(), "runstate-browser-"));
const agents = [];
const browser = await launch();

mkdirSync(pictures, { recursive: true });
/** A picture for the documents. */
async function picture(page, name) {
  const size = page.viewportSize();
  await page.setViewportSize({ width: 1120, height: 700 });
  await page.screenshot({ path: join(pictures, `${name}.png`) });
  await page.setViewportSize(size);
}

/** The API, as any client asks it. */
async function api(method, path, body) {
  const headers = { Authorization: `Bearer ${ready.token}`, "Content-Type": "application/json" };
  const answer = await fetch(ready.baseUrl + path, {
    method,
    headers,
    body: body && JSON.stringify(body),
  });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.status === 204 ? undefined : answer.json();
}

/** Waits until the page's count of an outcome is this, without loading it anew. */
async function counts(page, wanted) {
  for (const [outcome, count] of Object.entries(wanted)) {
    const element = page.locator(`b[data-count="${outcome}"]`);
    await element.filter({ hasText: new RegExp(`^${count}$`) }).waitFor();
  }
}

async function story() {
  const page = await open(browser);

  await step("signs in by the link that the demo prints", async () => {
    await page.goto(ready.consoleLink);
    await look(page, "link");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL(`${server}/`);
    const [cookie] = await page.context().cookies();
    assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Strict"]);
    assert.equal(await page.evaluate(() => document.cookie), "");
  });

  await step("sees the fleet at a glance", async () => {
    await page.getByRole("heading", { name: "Success over time" }).waitFor();
    await page.getByRole("heading", { name: /Failing scripts/ }).waitFor();
    await look(page, "overview");
    await walk(page);
    await page.goto(`${server}/`);
    await picture(page, "overview");
  });

  const group = await api("POST", "/groups", { displayName: "Browser lab" });
  await step(`lets ${AGENTS} devices in`, async () => {
    await page.getByRole("link", { name: "Enrolment" }).click();
    await look(page, "enrolment");
    await page.getByLabel("Name").fill("Browser lab");
    await page.getByLabel("Devices that may enrol with it").fill(`${AGENTS}`);
    await page.getByLabel("Group that they become members of").selectOption("Browser lab");
    await page.getByRole("button", { name: "Make a token" }).click();
    const command = await page.getByRole("status").locator("pre").textContent();
    await look(page, "enrolment with a token");
    const words = command.trim().split(" ").slice(1);
    for (let at = 1; at <= AGENTS; at += 1) {
      const state = ["--state-dir", join(folder, `device-${at}`)];
      execFileSync(process.env.RUNSTATE, [...words, ...state, "--name", `lab-${at}`]);
      const run = ["agent", "run", "--splay", "0", "--log", "error", ...state];
      agents.push(spawn(process.env.RUNSTATE, run, { stdio: "inherit" }));
    }
  });

  // Room for so many as come first: the others fail, and say why.
  const first = AGENTS - FAIL;
  const places = Array.from({ length: first }, (_, at) => at + 1).join(" ");
  const broken = `#!/bin/sh
# Takes one of a few places, first come first served.
[ ! -e "${folder}/more" ] || exit 0
for place in ${places}; do
    if mkdir "${folder}/place-$place" 2>/dev/null; then
        echo "took place $place"
        exit 0
    fi
done
echo "no place is left" >&2
exit 3
`;
  await step("writes a script", async () => {
    await page.getByRole("link", { name: "Scripts", exact: true }).click();
    await look(page, "scripts");
    await page.getByRole("link", { name: "New script" }).click();
    await look(page, "kinds of script");
    await page.getByRole("link", { name: "Write one" }).first().click();
    await page.getByLabel("From a file").setInputFiles({
      name: "take-a-place.sh",
      mimeType: "text/x-sh",
      buffer: Buffer.from(broken),
    });
    await page.getByLabel("Display name").fill("Take a place");
    await page.getByLabel("Description").fill("Each device takes a place in the lab.");
    await page.getByLabel("Execution frequency").fill("P1D");
    assert.equal(await page.getByLabel("File name").inputValue(), "take-a-place.sh");
    await look(page, "new script");
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByRole("heading", { name: "Take a place", level: 1 }).waitFor();
  });
  const script = new URL(page.url()).pathname;

  await step("sees who would be hit before assigning it", async () => {
    await page.getByRole("link", { name: "Change", exact: true }).click();
    await page.getByLabel("Whether Browser lab runs it").selectOption("Include");
    await look(page, "assign");
    await page.getByRole("button", { name: "See who is hit" }).click();
    await page.getByText(`${AGENTS} devices`, { exact: true }).waitFor();
    await page.getByRole("link", { name: "lab-1" }).waitFor();
    await look(page, "assign, who is hit");
    await page.getByRole("button", { name: `Assign to ${AGENTS} devices` }).click();
  });

  await step("watches the results come in", async () => {
    await page.getByText("live", { exact: true }).waitFor();
    await counts(page, { success: first, fail: FAIL, pending: 0 });
    assert.equal(new URL(page.url()).pathname, script, "without another page");
    await look(page, "script");
    await walk(page);
  });

  await step("finds the machines that failed, and why", async () => {
    await page.goto(server + script);
    await page.locator("ul.legend").getByRole("link", { name: "Failed" }).click();
    const rows = page.locator("#results tbody tr");
    assert.equal(await rows.count(), FAIL);
    await page.getByRole("link", { name: "Reported" }).click();
    await page.locator('th[aria-sort="ascending"]').waitFor();
    assert.equal(await rows.count(), FAIL, "sorted and still filtered");
    await page.evaluate(() => scrollTo(0, 0));
    await picture(page, "script");
    await rows.first().getByRole("link").click();
    await page.getByText("no place is left").first().waitFor();
    await look(page, "output of a run");
    await picture(page, "run");
    await page.goBack();
  });

  await step("runs it again on just those", async () => {
    writeFileSync(join(folder, "more"), "");
    await page.goto(server + script);
    await page.getByRole("link", { name: "Re-run failed" }).click();
    await page.getByText(`${FAIL} devices`, { exact: true }).waitFor();
    await look(page, "run again");
    await page.getByRole("button", { name: `Run on ${FAIL} devices` }).click();
    await counts(page, { success: AGENTS, fail: 0 });
    await page.reload();
    await page.getByText(`${FAIL} succeeded, 0 failed`).waitFor();
    const id = script.split("/").pop();
    const states = `/deviceManagement/deviceShellScripts/${id}/deviceRunStates`;
    const { value } = await api("GET", states);
    const runs = value.map(async (state) => {
      const all = await api("GET", `${states}/${encodeURIComponent(state.id)}/runs`);
      return all.value.length;
    });
    const once = (await Promise.all(runs)).filter((count) => count === 1);
    assert.equal(once.length, first, "who had succeeded ran it once");
  });

  await step("mends the script, and sees what changes and for whom", async () => {
    await page.getByRole("link", { name: "Edit" }).first().click();
    await look(page, "edit");
    const content = page.getByLabel("Content", { exact: true });
    assert.equal(await content.inputValue(), broken);
    await content.fill(broken.replace("no place is left", "stands").replace("exit 3", "exit 0"));
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText(`${AGENTS} devices`, { exact: true }).waitFor();
    await look(page, "edit, what changes");
    await picture(page, "change");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("status").waitFor();
  });

  await step("compares versions, and looks at groups and devices", async () => {
    await page.getByRole("link", { name: "All versions and what changed" }).click();
    await page.locator("del", { hasText: "exit 3" }).waitFor();
    await look(page, "versions");
    for (const below of ["run", "delete", "versions/1/roll-back"]) {
      await page.goto(`${server}${script}/${below}`);
      await look(page, below);
    }
    await page.goto(`${server}/groups/${group.id}`);
    await page.getByRole("link", { name: "Take a place" }).waitFor();
    await look(page, "group");
    await page.goto(`${server}/groups`);
    await look(page, "groups");
    await page.getByRole("link", { name: "Devices", exact: true }).click();
    await look(page, "devices");
    await page.getByLabel("Search").fill("lab-1");
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "lab-1", exact: true }).click();
    await page.getByRole("heading", { name: "Timeline" }).waitFor();
    await look(page, "device");
  });

  await step("retires a device", async () => {
    await page.getByRole("link", { name: "Retire" }).click();
    await look(page, "retire");
    await page.getByRole("button", { name: "Retire 1 device" }).click();
    await page.getByText("Retired: its tokens are refused.").waitFor();
  });

  await step("reads without script", async () => {
    const cookies = await page.context().cookies();
    const plain = await open(browser, { javaScriptEnabled: false });
    await plain.context().addCookies(cookies);
    await plain.goto(server + script);
    await plain.locator("ul.legend").getByRole("link", { name: "Success" }).click();
    assert.equal(await plain.locator("#results tbody tr").count(), AGENTS);
    await plain.context().close();
  });

  await step("signs out", async () => {
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await look(page, "sign in");
    await page.goto(server + script);
    assert.equal(new URL(page.url()).pathname, "/sign-in");
  });
}

try {
  await story();
} finally {
  for (const agent of agents) agent.kill();
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
