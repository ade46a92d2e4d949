// The tour of the Graph SDK for JavaScript (`@microsoft/microsoft-graph-client`).

import { randomUUID } from "node:crypto";
import graph from "@microsoft/microsoft-graph-client";
import { EXAMPLE_UPDATE, equal, server, step, tokenByClientCredentials } from "./steps.mjs";

const { BatchRequestContent, BatchResponseContent, Client, GraphError, PageIterator } = graph;

const at = server();
const prefix = `tour-js-${randomUUID().slice(0, 8)}`;
const mine = `startswith(displayName,'${prefix}')`;
const collections = [
  "deviceShellScripts",
  "deviceManagementScripts",
  "deviceCustomAttributeShellScripts",
];
const scripts = Object.fromEntries(collections.map((name) => [name, []]));
const groups = [];
let client;

/** The SDK's client with the base URL changed, and the host named as one to send tokens to. */
function clientFor(token) {
  return Client.initWithMiddleware({
    authProvider: { getAccessToken: async () => token },
    baseUrl: `${at.root}/`,
    defaultVersion: "beta",
    customHosts: new Set([at.host]),
  });
}

/** The path of a collection, or of what is below it; each key is percent-encoded. */
function path(collection, ...segments) {
  return ["/deviceManagement", collection, ...segments.map(encodeURIComponent)].join("/");
}

function newScript(collection, number) {
  const common = {
    displayName: `${prefix} ${number}`,
    description: `script ${number}`,
    scriptContent: Buffer.from(`#!/bin/sh\necho ${number}\n`).toString("base64"),
    runAsAccount: "system",
    fileName: `${prefix}-${number}.sh`,
    roleScopeTagIds: ["0"],
  };
  return {
    deviceShellScripts: {
      ...common,
      executionFrequency: "PT1H",
      retryCount: number,
      blockExecutionNotifications: true,
    },
    deviceManagementScripts: { ...common, enforceSignatureCheck: false, runAs32Bit: true },
    deviceCustomAttributeShellScripts: {
      ...common,
      customAttributeName: `attribute ${number}`,
      customAttributeType: "integer",
    },
  }[collection];
}

const idsOf = (answer) => answer.value.map((one) => one.id);

async function create(collection) {
  await step(`create in ${collection}`, async () => {
    for (let number = 0; number < 7; number += 1) {
      const body = newScript(collection, number);
      const made = await client.api(path(collection)).post(body);
      for (const [name, value] of Object.entries(body)) equal(name, value, made[name]);
      scripts[collection].push(made.id);
    }
    equal("different ids", 7, new Set(scripts[collection]).size);
    return "7 scripts";
  });
}

async function page(collection) {
  await step(`list ${collection} with paging`, async () => {
    const first = await client
      .api(path(collection))
      .filter(mine)
      .orderby("displayName")
      .top(2)
      .get();
    equal("scripts on the first page", 2, first.value.length);
    // Every page the iterator fetches is a call of `api` with its next link.
    let pages = 1;
    const api = client.api.bind(client);
    client.api = (link) => {
      pages += 1;
      return api(link);
    };
    const seen = [];
    const iterator = new PageIterator(client, first, (one) => seen.push(one) > 0);
    try {
      await iterator.iterate();
    } finally {
      delete client.api;
    }
    equal("complete", true, iterator.isComplete());
    equal("ids in order", scripts[collection], seen.map((one) => one.id));
    equal("pages", 4, pages);
    equal("content in a list", Array(7).fill(null), seen.map((one) => one.scriptContent));
    return `${seen.length} scripts in ${pages} pages`;
  });
}

async function query(collection) {
  const ids = scripts[collection];
  const list = () => client.api(path(collection));
  await step(`$filter on ${collection}`, async () => {
    equal("ids", [ids[3]], idsOf(await list().filter(`displayName eq '${prefix} 3'`).get()));
    const others = idsOf(await list().filter(`${mine} and description ne 'script 3'`).get());
    equal("ids", ids.filter((id) => id !== ids[3]).sort(), others.sort());
  });
  await step(`$orderby on ${collection}`, async () => {
    const found = await list().filter(mine).orderby("displayName desc").skip(1).top(3).get();
    equal("ids", [ids[5], ids[4], ids[3]], idsOf(found));
  });
  await step(`$select on ${collection}`, async () => {
    const found = await list().filter(mine).select(["id", "displayName"]).top(1).get();
    const names = Object.keys(found.value[0]).filter((name) => !name.startsWith("@"));
    equal("properties", ["displayName", "id"], names.sort());
  });
  await step(`$expand=assignments on ${collection}`, async () => {
    const found = await list().filter(mine).expand("assignments").get();
    equal("assignments of each", Array(7).fill([]), found.value.map((one) => one.assignments));
    const one = await client.api(path(collection, ids[0])).expand("assignments").get();
    equal("assignments of one", [], one.assignments);
  });
  await step(`$count on ${collection}`, async () => {
    const found = await list().filter(mine).count(true).top(1).get();
    equal("@odata.count", 7, found["@odata.count"]);
    const alone = await client.api(`${path(collection)}/$count`).filter(mine).get();
    equal("/$count", "7", alone);
  });
}

async function getAndUpdate(collection) {
  const one = path(collection, scripts[collection][1]);
  await step(`get and update in ${collection}`, async () => {
    const got = await client.api(one).get();
    const sent = newScript(collection, 1);
    for (const [name, value] of Object.entries(sent)) equal(name, value, got[name]);
    const change = { description: null, runAsAccount: "user" };
    const changed = await client.api(one).patch(change);
    const again = await client.api(one).get();
    const wanted = { ...sent, ...change };
    for (const [name, value] of Object.entries(wanted)) {
      equal(`${name} in the answer`, value, changed[name]);
      equal(`${name} in the next read`, value, again[name]);
    }
    equal("createdDateTime", got.createdDateTime, again.createdDateTime);
    const modified = [got, again].map((script) => Date.parse(script.lastModifiedDateTime));
    equal("lastModifiedDateTime does not go back", true, modified[1] >= modified[0]);
  });
}

async function createAndUpdateState(name, states) {
  const id = `${prefix}:device one`;
  const one = `${states}/${encodeURIComponent(id)}`;
  await step(`create and update ${name}`, async () => {
    const made = await client.api(states).post({ id, runState: "pending" });
    equal("id", id, made.id);
    equal("runState", "pending", made.runState);
    const answer = await client.api(one).patch(EXAMPLE_UPDATE);
    const read = await client.api(one).get();
    equal("@odata.type of the answer", EXAMPLE_UPDATE["@odata.type"], answer["@odata.type"]);
    for (const [property, value] of Object.entries(EXAMPLE_UPDATE)) {
      if (property.startsWith("@")) continue;
      equal(`${property} in the answer`, value, answer[property]);
      equal(`${property} in the next read`, value, read[property]);
    }
    return "all properties, seven digits and the offset";
  });
  return one;
}

async function deviceState(collection) {
  const script = scripts[collection][0];
  const states = path(collection, script, "deviceRunStates");
  const one = await createAndUpdateState(`a run state in ${collection}`, states);
  await step(`list run states of ${collection}`, async () => {
    const found = await client.api(states).filter("runState eq 'success'").count(true).get();
    equal("ids", [`${prefix}:device one`], idsOf(found));
    equal("count", 1, found["@odata.count"]);
  });
  await step(`runSummary of ${collection}`, async () => {
    const summary = path(collection, script, "runSummary");
    const before = await client.api(summary).get();
    equal("counts", [1, 0], [before.successDeviceCount, before.errorDeviceCount]);
    await client.api(one).patch({ runState: "fail" });
    const after = await client.api(summary).get();
    equal("counts after a failure", [0, 1], [after.successDeviceCount, after.errorDeviceCount]);
  });
}

async function userState() {
  const script = scripts.deviceManagementScripts[0];
  const users = path("deviceManagementScripts", script, "userRunStates");
  let user;
  await step("create a user run state", async () => {
    const name = `${prefix}@example.com`;
    const body = { id: `${script}:${prefix}`, userPrincipalName: name };
    const made = await client.api(users).post(body);
    equal("userPrincipalName", name, made.userPrincipalName);
    user = `${users}/${encodeURIComponent(made.id)}`;
    equal("ids in the list", true, idsOf(await client.api(users).get()).includes(made.id));
    equal("the one", name, (await client.api(user).get()).userPrincipalName);
  });
  await createAndUpdateState("a run state of a user", `${user}/deviceRunStates`);
  await step("list run states of a user", async () => {
    const nested = await client.api(`${user}/deviceRunStates`).get();
    equal("ids", [`${prefix}:device one`], idsOf(nested));
  });
}

async function assign(collection) {
  const one = path(collection, scripts[collection][0]);
  await step(`assign in ${collection}`, async () => {
    while (groups.length < 2) {
      const name = `${prefix}-${groups.length}`;
      const body = {
        displayName: name,
        mailNickname: name,
        mailEnabled: false,
        securityEnabled: true,
      };
      groups.push((await client.api("/groups").post(body)).id);
    }
    const kind = (name) => ({ "@odata.type": `#microsoft.graph.${name}AssignmentTarget` });
    const targets = [
      kind("allDevices"),
      kind("allLicensedUsers"),
      { ...kind("group"), groupId: groups[0] },
      { ...kind("exclusionGroup"), groupId: groups[1] },
      { ...kind("configurationManagerCollection"), collectionId: "SMS00001" },
    ];
    const assignTargets = async (chosen) => {
      const body = { deviceManagementScriptAssignments: chosen.map((target) => ({ target })) };
      equal("answer", undefined, await client.api(`${one}/assign`).post(body));
    };
    // A target comes with filter properties too; what was sent is compared.
    const plain = ({ target }) => {
      const { "@odata.type": type, groupId, collectionId } = target;
      return JSON.parse(JSON.stringify({ "@odata.type": type, groupId, collectionId }));
    };
    const sorted = (list) => list.map((value) => JSON.stringify(value)).sort();
    await assignTargets(targets);
    const listed = await client.api(`${one}/assignments`).get();
    equal("targets in the list", sorted(targets), sorted(listed.value.map(plain)));
    const single = await client.api(one).expand("assignments").get();
    equal("targets in the expansion", sorted(targets), sorted(single.assignments.map(plain)));
    await assignTargets(targets.slice(0, 1));
    const left = await client.api(`${one}/assignments`).get();
    equal("targets after assigning again", [targets[0]], left.value.map(plain));
    return "5 kinds of target, then replaced by 1";
  });
}

/** One request of a batch; the SDK strips the host, and the version is the batch's own. */
function part(id, method, url, body, dependsOn) {
  const init = { method };
  if (body) {
    init.headers = { "Content-Type": "application/json" };
    init.body = JSON.stringify(body);
  }
  return { id, request: new Request(at.root + url, init), ...(dependsOn && { dependsOn }) };
}

async function sendBatch(...parts) {
  const content = await new BatchRequestContent(parts).getContent();
  return new BatchResponseContent(await client.api("/$batch").post(content));
}

function statuses(answer) {
  return Object.fromEntries([...answer.getResponses()].map(([id, one]) => [id, one.status]));
}

async function batch() {
  const collection = "deviceShellScripts";
  const ids = scripts[collection];
  await step("$batch with mixed statuses", async () => {
    const answer = await sendBatch(
      part("read", "GET", path(collection, ids[0])),
      part("missing", "GET", path(collection, "no-such-script")),
      part("make", "POST", path(collection), newScript(collection, 7)),
      part("change", "PATCH", path(collection, ids[2]), { description: "changed in a batch" }),
      part("remove", "DELETE", path(collection, ids[6])),
      part("bad", "GET", `${path(collection)}?$filter=noSuchProperty eq 1`),
    );
    const wanted = { read: 200, missing: 404, make: 201, change: 200, remove: 204, bad: 400 };
    equal("statuses", wanted, statuses(answer));
    const body = async (id) => answer.getResponseById(id).json();
    equal("id read", ids[0], (await body("read")).id);
    equal("code of the missing", "ResourceNotFound", (await body("missing")).error.code);
    equal("code of the bad", "Request_BadRequest", (await body("bad")).error.code);
    equal("description", "changed in a batch", (await body("change")).description);
    const made = await body("make");
    equal("displayName made", `${prefix} 7`, made.displayName);
    ids[6] = made.id;
    return Object.values(wanted).join(", ");
  });
  await step("$batch with dependsOn", async () => {
    const same = await sendBatch(
      part("make", "POST", path(collection), newScript(collection, 8)),
      part("read", "GET", path(collection, ids[0]), undefined, ["make"]),
      part("missing", "GET", path(collection, "no-such-script"), undefined, ["make"]),
    );
    equal("statuses", { make: 201, read: 200, missing: 404 }, statuses(same));
    ids.push((await same.getResponseById("make").json()).id);
    const chain = await sendBatch(
      part("1", "GET", path(collection, "no-such-script")),
      part("2", "POST", path(collection), newScript(collection, 9), ["1"]),
      part("3", "GET", path(collection), undefined, ["2"]),
    );
    equal("statuses of a broken chain", { 1: 404, 2: 424, 3: 424 }, statuses(chain));
    const refused = await chain.getResponseById("2").json();
    equal("code of the dependent", "FailedDependency", refused.error.code);
    const made = await client.api(path(collection)).filter(`displayName eq '${prefix} 9'`).get();
    equal("made by the dependent", [], made.value);
    return "201, 200, 404, then 404, 424, 424";
  });
}

async function errors() {
  const collection = "deviceShellScripts";
  const state = path(collection, scripts[collection][0], "deviceRunStates", `${prefix}:device one`);
  const reader = clientFor(at.readToken);
  const nobody = clientFor("not.a.token");
  const cases = [
    [404, "ResourceNotFound", "a script that is not there", () =>
      client.api(path(collection, "no-such-script")).get()],
    [400, "BadRequest", "a wrong JSON type", () => client.api(state).patch({ errorCode: "nine" })],
    [400, "BadRequest", "an unknown enum member", () =>
      client.api(state).patch({ runState: "perhaps" })],
    [400, "Request_BadRequest", "a filter on a property that is not there", () =>
      client.api(path(collection)).filter("noSuchProperty eq 1").get()],
    [401, "InvalidAuthenticationToken", "a token that is none", () =>
      nobody.api(path(collection)).get()],
    [403, "Authorization_RequestDenied", "a write with a token that only reads", () =>
      reader.api(path(collection)).post(newScript(collection, 10))],
  ];
  for (const [status, code, name, call] of cases) {
    await step(`${status} for ${name}`, async () => {
      const error = await call().then(
        () => undefined,
        (reason) => reason,
      );
      equal("a GraphError was thrown", true, error instanceof GraphError);
      equal("statusCode", status, error.statusCode);
      equal("code", code, error.code);
      equal("message says something", true, error.message.length > 0);
      equal("requestId says something", true, Boolean(error.requestId));
      equal("date is a date", false, Number.isNaN(error.date.getTime()));
      return `${code}: ${error.message}`;
    });
  }
  await step("a refused update changes nothing", async () => {
    const got = await client.api(state).get();
    equal("values", ["fail", 9], [got.runState, got.errorCode]);
  });
}

async function remove() {
  await step("delete", async () => {
    const states = path("deviceShellScripts", scripts.deviceShellScripts[0], "deviceRunStates");
    await client.api(`${states}/${encodeURIComponent(`${prefix}:device one`)}`).delete();
    // Those of the devices that the script was assigned to, which never ran it.
    const left = (await client.api(states).get()).value;
    const reported = left.filter((state) => !["pending", "notApplicable"].includes(state.runState));
    equal("states left", [], reported);
    for (const collection of collections) {
      for (const id of scripts[collection]) {
        equal("answer", undefined, await client.api(path(collection, id)).delete());
      }
      equal("left", [], (await client.api(path(collection)).filter(mine).get()).value);
    }
    for (const id of groups) await client.api(`/groups/${encodeURIComponent(id)}`).delete();
    return `${Object.values(scripts).flat().length} scripts, ${groups.length} groups`;
  });
}

await step("token by client credentials", async () => {
  client = clientFor(await tokenByClientCredentials(at));
});
for (const collection of collections) {
  await create(collection);
  await page(collection);
  await query(collection);
  await getAndUpdate(collection);
}
for (const collection of collections) await deviceState(collection);
await userState();
for (const collection of collections) await assign(collection);
await batch();
await errors();
await remove();
