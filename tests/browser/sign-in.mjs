// Signing in with an issuer on another site, in a browser: the cookie of the session is `SameSite=Strict`,
// and the way back from the issuer must find it all the same.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch, look, open, step } from "./browser.mjs";

const TENANT = "11111111-1111-4111-8111-111111111111";
const CLIENT = "runstate-console";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const encode = (json) => Buffer.from(JSON.stringify(json)).toString("base64url");
const token = (claims) => {
  const now = Math.floor(Date.now() / 1000);
  const all = { iss: issuer, sub: "ada", tid: TENANT, iat: now, exp: now + 600, ...claims };
  const signed = `${encode({ alg: "EdDSA", kid: "k" })}.${encode(all)}`;
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString("base64url")}`;
};

/** What each code stands for. */
const codes = new Map();

const provider = createServer(async (request, answer) => {
  const url = new URL(request.url, issuer);
  const json = (body) => answer.setHeader("Content-Type", "application/json").end(JSON.stringify(body));
  switch (url.pathname) {
    case "/.well-known/openid-configuration":
      return json({
        issuer,
        jwks_uri: `${issuer}/keys`,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
      });
    case "/keys":
      return json({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k" }] });
    case "/authorize": {
      // A page of the other site, with a link, as a person would meet one.
      codes.set("the-code", Object.fromEntries(url.searchParams));
      const back = `${url.searchParams.get("redirect_uri")}?code=the-code&state=${url.searchParams.get("state")}`;
      const page = `<!doctype html><title>Issuer</title><a href="${back}">Agree</a>`;
      return answer.setHeader("Content-Type", "text/html").end(page);
    }
    case "/elsewhere":
      return answer
        .setHeader("Content-Type", "text/html")
        .end(`<!doctype html><title>Elsewhere</title><a href="${server}/scripts">A script</a>`);
    case "/token": {
      let body = "";
      for await (const chunk of request) body += chunk;
      const form = new URLSearchParams(body);
      const asked = codes.get(form.get("code"));
      const challenge = createHash("sha256").update(form.get("code_verifier")).digest("base64url");
      if (challenge !== asked?.code_challenge) return answer.writeHead(400).end();
      return json({
        token_type: "Bearer",
        id_token: token({ aud: CLIENT, nonce: asked.nonce, name: "Ada" }),
        access_token: token({ aud: "api://runstate", scp: "DeviceManagementConfiguration.Read.All" }),
      });
    }
    default:
      // Such as the icon that browsers ask for.
      return answer.writeHead(204).end();
  }
});

// To a browser `localhost` and `127.0.0.1` are two sites.
provider.listen(0, "127.0.0.1");
await once(provider, "listening");
const issuer = `http://localhost:${provider.address().port}`;

const folder = mkdtempSync(join(tmpdir(), "runstate-sign-in-"));
const config = join(folder, "runstate.toml");
writeFileSync(
  config,
  `listen = "127.0.0.1:0"
data = "${join(folder, "fleet.db")}"
log = "info"
[[issuer]]
issuer = "${issuer}"
audiences = ["api://runstate"]
tenants = ["${TENANT}"]
[console-sign-in]
issuer = "${issuer}"
client-id = "${CLIENT}"
`,
);
const environment = { ...process.env, NO_COLOR: "1" };
const runstate = spawn(process.env.RUNSTATE, ["serve", "--config", config], {
  env: environment,
  stdio: ["ignore", "ignore", "pipe"],
});
let log = "";
let server;
for await (const chunk of runstate.stderr) {
  log += chunk;
  server = /http:\/\/127\.0\.0\.1:\d+/.exec(log)?.[0];
  if (server) break;
}
assert.ok(server, `the server says where it is: ${log}`);
const browser = await launch();

try {
  const page = await open(browser);
  await step("is led to sign in, and on to the issuer", async () => {
    await page.goto(`${server}/scripts`);
    await look(page, "sign in");
    await page.getByRole("link", { name: "Sign in with localhost" }).click();
    await page.waitForURL(`${issuer}/**`);
  });
  await step("comes back to the page that was wanted", async () => {
    await page.getByRole("link", { name: "Agree" }).click();
    await page.waitForURL(`${server}/scripts`);
    await page.getByText("Ada").waitFor();
    const session = (await page.context().cookies(server)).map(({ name, sameSite }) => [name, sameSite]);
    assert.deepEqual(session, [["runstate", "Strict"]]);
  });
  await step("follows a link of another site, and is still signed in", async () => {
    await page.goto(`${issuer}/elsewhere`);
    await page.getByRole("link", { name: "A script" }).click();
    await page.waitForURL(`${server}/scripts`);
    await page.getByText("Ada").waitFor();
  });
} finally {
  await browser.close();
  runstate.kill();
  provider.close();
  rmSync(folder, { recursive: true, force: true });
}
