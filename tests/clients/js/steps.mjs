// What the tour stands on: the ready file, named steps and plain HTTP.
//
// Each step that ends well prints one line (`ok  list with paging: …`); the
// first that does not prints `FAIL` with the step's name, what was expected and
// what came, and ends the program with status 1.

import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

/** The request body of the documentation's example of the update, to the letter. */
export const EXAMPLE_UPDATE = {
  "@odata.type": "#microsoft.graph.deviceManagementScriptDeviceState",
  runState: "success",
  resultMessage: "Result Message value",
  lastStateUpdateDateTime: "2017-01-01T00:02:58.4418045-08:00",
  errorCode: 9,
  errorDescription: "Error Description value",
};

class Mismatch extends Error {}

/** Throws unless `got` equals `expected`, compared by value. */
export function equal(what, expected, got) {
  if (!isDeepStrictEqual(expected, got)) {
    throw new Mismatch(
      `${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`,
    );
  }
}

/** Runs one step; what `work` returns is said after the step's name. */
export async function step(name, work) {
  try {
    const detail = await work();
    console.log(`ok  ${name}${detail ? `: ${detail}` : ""}`);
  } catch (error) {
    if (error instanceof Mismatch) {
      console.log(`FAIL  ${name}: ${error.message}`);
    } else {
      console.error(error);
      console.log(`FAIL  ${name}: expected no exception, got ${error}`);
    }
    process.exit(1);
  }
}

/** Ends the program because it cannot even begin. */
function stop(reason) {
  console.log(`FAIL  start: ${reason}`);
  process.exit(1);
}

/** The server under test, as its ready file describes it. */
export function server() {
  const path = process.env.RUNSTATE_READY_FILE ?? stop("RUNSTATE_READY_FILE is not set");
  const ready = JSON.parse(readFileSync(path, "utf8"));
  const base = new URL(ready.baseUrl);
  // The SDK adds the token, and follows a next link, only where the address
  // begins with `https://`.
  if (base.protocol !== "https:") {
    stop("the SDK for JavaScript needs an https base URL");
  }
  if (!["localhost", "127.0.0.1"].includes(base.hostname)) {
    stop(`the tours talk to loopback only, and ${base.hostname} is not`);
  }
  return { ...ready, root: base.origin, host: base.hostname };
}

/** A token from the built-in issuer, by client id and secret (RFC 6749, 4.4). */
export async function tokenByClientCredentials(at) {
  const answer = await fetch(`${at.root}/${at.tenantId}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: at.clientId,
      client_secret: at.clientSecret,
      scope: "https://graph.microsoft.com/.default",
    }),
  });
  equal("status of the token endpoint", 200, answer.status);
  return (await answer.json()).access_token;
}
