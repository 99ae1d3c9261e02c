// Drives headless Chromium with the browser SDKs. Arguments: the daemon's address and a write key. Commands, each
// answered by one line: {"open": PAGE}, {"calls": [...]}, {"leave": [...]} (calls, and off the page).
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { installed, lines } from "./lines.mjs";

const { chromium } = installed("playwright-core");
const [, , daemon, writeKey, executablePath] = process.argv;

const SCRIPTS = {
  "/segment.js": "@segment/analytics-next/dist/umd/index.js",
  "/rudder.js": "@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js",
};
const segment = (settings) => `<script src="/segment.js"></script><script>
  const sdk = AnalyticsNext.AnalyticsBrowser.load(
    { writeKey: ${JSON.stringify(writeKey)}, cdnURL: ${JSON.stringify(daemon)} }, ${JSON.stringify(settings)});
  const make = { identify: (c) => sdk.identify(c.userId, c.traits), track: (c) => sdk.track(c.event, c.properties),
    page: (c) => sdk.page(c.category, c.name, c.properties), screen: (c) => sdk.screen(c.category, c.name, c.properties),
    group: (c) => sdk.group(c.groupId, c.traits), alias: (c) => sdk.alias(c.userId, c.previousId) };
</script>`;
const rudder = (settings) => `<script src="/rudder.js"></script><script>
  const { RudderAnalytics } = rudderanalytics;
  const sdk = new RudderAnalytics();
  sdk.load(${JSON.stringify(writeKey)}, ${JSON.stringify(daemon)},
    { configUrl: ${JSON.stringify(daemon)}, ...${JSON.stringify(settings)} });
  const make = { identify: (c) => sdk.identify(c.userId, c.traits), track: (c) => sdk.track(c.event, c.properties),
    page: (c) => sdk.page(c.category, c.name, c.properties), group: (c) => sdk.group(c.groupId, c.traits),
    alias: (c) => sdk.alias(c.userId, c.previousId) };
</script>`;
const batching = { strategy: "batching", config: { size: 10, timeout: 2000 } };
const PAGES = {
  "/segment": segment({}),
  "/segment-batching": segment({ integrations: { "Segment.io": { deliveryStrategy: batching } } }),
  "/rudder": rudder({}),
  "/rudder-beacon": rudder({ useBeacon: true, beaconQueueOptions: { flushQueueInterval: 500 } }),
  "/elsewhere": "elsewhere",
};

// The shop's own pages: another origin than the daemon's.
const shop = http.createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://shop");
  if (SCRIPTS[pathname]) {
    response.setHeader("content-type", "text/javascript");
    return fs.createReadStream(path.join("node_modules", SCRIPTS[pathname])).pipe(response);
  }
  response.statusCode = PAGES[pathname] ? 200 : 404;
  response.setHeader("content-type", "text/html; charset=utf-8");
  response.end(`<!doctype html><title>Tienda</title><body>${PAGES[pathname] ?? "nothing"}`);
});
await new Promise((resolve) => shop.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${shop.address().port}`;

const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"];
const closed = ["--disable-background-networking", "--disable-component-update"];
const browser = await chromium.launch({ executablePath, args: [...flags, ...closed] });
const page = await (await browser.newContext({ locale: "es-MX" })).newPage();
page.on("pageerror", (error) => {
  console.error("page:", error);
  process.exitCode = 1;
});

for await (const command of lines()) {
  if (command.open) await page.goto(origin + command.open);
  // Not awaited in the page: a call that is sent again later resolves later.
  const calls = command.calls ?? command.leave;
  if (calls) await page.evaluate((calls) => calls.forEach((call) => void make[call.type](call)), calls);
  if (command.leave) {
    // The SDK has them in its queue by then, and no batch is due yet.
    await page.waitForTimeout(200);
    await page.goto(`${origin}/elsewhere`);
  }
  console.log("done");
}
await browser.close();
shop.close();
