// The tour of the patience of the Graph SDK for JavaScript.
//
// The server must be `runstate demo --emulate`: it is told to refuse, and the
// SDK, with nothing about its retries changed, has to come through by itself.

import { randomUUID } from "node:crypto";
import graph from "@microsoft/microsoft-graph-client";
import { equal, server, step } from "./steps.mjs";

const { BatchRequestContent, BatchResponseContent, Client, GraphError } = graph;
const SCRIPTS = "/deviceManagement/deviceShellScripts";

const at = server();
if (!at.controlUrl) {
  console.log("FAIL  start: the server is not `runstate demo --emulate`");
  process.exit(1);
}
const client = Client.initWithMiddleware({
  authProvider: { getAccessToken: async () => at.token },
  baseUrl: `${at.root}/`,
  defaultVersion: "beta",
  customHosts: new Set([at.host]),
});

/** Tells the stand-in what to do, or asks it what was done. */
async function control(method, page, body) {
  const answer = await fetch(at.controlUrl + page, {
    method,
    body: body && JSON.stringify(body),
    headers: { authorization: `Bearer ${at.controlToken}` },
  });
  equal(`${method} ${page} is a success`, true, answer.ok);
  return answer.json();
}

/** From the first state on, this and nothing else goes wrong. */
async function fault(rule) {
  await control("POST", "/reset");
  await control("POST", "/faults", rule);
}

async function asked(method) {
  return (await control("GET", `/requests?method=${method}&path=/**`)).requests;
}

for (const status of [429, 503]) {
  await step(`read past ${status} with Retry-After`, async () => {
    await fault({ method: "GET", path: SCRIPTS, status, retryAfter: 1, times: 2 });
    const page = await client.api(SCRIPTS).get();
    equal("scripts", 12, page.value.length);
    const requests = await asked("GET");
    equal("statuses", [status, status, 200], requests.map((one) => one.status));
    equal(
      "the SDK's own count",
      [undefined, "1", "2"],
      requests.map((one) => one.headers["retry-attempt"]),
    );
  });
}

await step("write past 503 with Retry-After", async () => {
  await fault({ method: "POST", path: SCRIPTS, status: 503, retryAfter: 1, times: 1 });
  const displayName = `tour-retry-${randomUUID().slice(0, 8)}`;
  const made = await client.api(SCRIPTS).post({ displayName });
  equal("name", displayName, made.displayName);
  equal("statuses", [503, 201], (await asked("POST")).map((one) => one.status));
  const page = await client.api(SCRIPTS).filter(`displayName eq '${displayName}'`).get();
  equal("of that name", 1, page.value.length);
});

await step("give up at last", async () => {
  await fault({ path: SCRIPTS, status: 429, retryAfter: 1 });
  const error = await client.api(SCRIPTS).get().then(
    () => undefined,
    (error) => error,
  );
  equal("an error of Graph", true, error instanceof GraphError);
  equal("status and code", [429, "TooManyRequests"], [error.statusCode, error.code]);
  return `after ${(await asked("GET")).length} tries`;
});

await step("one of a batch is throttled", async () => {
  await fault({ path: SCRIPTS, status: 429, retryAfter: 1 });
  const paths = { shell: SCRIPTS, powershell: "/deviceManagement/deviceManagementScripts" };
  const content = new BatchRequestContent(
    Object.entries(paths).map(([id, path]) => ({ id, request: new Request(`${at.root}${path}`) })),
  );
  const answer = await client.api("/$batch").post(await content.getContent());
  const responses = new BatchResponseContent(answer);
  equal("statuses", [429, 200], Object.keys(paths).map((id) => responses.getResponseById(id).status));
  equal("when to come back", "1", responses.getResponseById("shell").headers.get("retry-after"));
});
