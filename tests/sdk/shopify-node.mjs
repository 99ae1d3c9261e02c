// The official Shopify package against a simulated platform. First argument: the base that stands for
// `https://{shop}`; second: client id; third: client secret. It prints the address of its own server, which has
// `/auth?shop=` and `/auth/callback`; then it takes commands: {"graphql": {...}} or {"webhook": {headers, body}}.
import http from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { installed, lines } from "./lines.mjs";

const [base, apiKey, apiSecretKey] = process.argv.slice(2);
const real = globalThis.fetch;
// The package asks https://{shop}/...: that is {base}/{shop}/... here.
globalThis.fetch = (input, init) => {
  const url = new URL(input instanceof Request ? input.url : input);
  if (!url.hostname.endsWith(".myshopify.com")) throw new Error(`asked ${url}`);
  return real(`${base}/${url.hostname}${url.pathname}${url.search}`, input instanceof Request ? input : init);
};

const at = (name) => import(pathToFileURL(installed.resolve(name)).href);
await at("@shopify/shopify-api/adapters/node");
const { shopifyApi, ApiVersion, LogSeverity } = await at("@shopify/shopify-api");
const shopify = shopifyApi({
  apiKey,
  apiSecretKey,
  scopes: ["read_orders", "write_customers"],
  hostName: "app.example.com",
  hostScheme: "https",
  apiVersion: ApiVersion.October26 ?? "2026-10",
  isEmbeddedApp: false,
  // What it has to say of forged callbacks is expected.
  logger: { level: LogSeverity.Error, log: () => {} },
});

let session;
const server = http.createServer(async (request, response) => {
  try {
    const url = new URL(request.url, "http://localhost");
    if (url.pathname === "/auth") {
      await shopify.auth.begin({
        shop: url.searchParams.get("shop"),
        callbackPath: "/auth/callback",
        isOnline: false,
        rawRequest: request,
        rawResponse: response,
      });
    } else {
      const done = await shopify.auth.callback({ rawRequest: request, rawResponse: response, expiring: true });
      session = done.session;
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(session));
    }
  } catch (why) {
    response.statusCode = 400;
    response.end(`${why.name}: ${why.message}`);
  }
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
console.log(`http://127.0.0.1:${server.address().port}`);

for await (const command of lines()) {
  let answer;
  try {
    if (command.graphql) {
      const client = new shopify.clients.Graphql({ session });
      answer = await client.request(command.graphql.query, { variables: command.graphql.variables });
    } else if (command.refresh) {
      const refreshed = await shopify.auth.refreshToken({ shop: session.shop, refreshToken: session.refreshToken });
      session = refreshed.session;
      answer = { accessToken: session.accessToken, refreshToken: session.refreshToken };
    } else {
      const { headers, body } = command.webhook;
      const rawRequest = { method: "POST", url: "/hooks", headers };
      answer = await shopify.webhooks.validate({ rawBody: body, rawRequest });
    }
  } catch (why) {
    answer = { error: `${why.name}: ${why.message}`, response: why.response, body: why.body };
  }
  console.log(JSON.stringify(answer));
}
server.close();
