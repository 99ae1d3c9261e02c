// Sends the shop's calls through the real SDK. One JSON line in, one line out:
// {"now": MILLISECONDS, "calls": [{"type": "track", ...}]}  ->  sent COUNT
// The clock is the simulated one, so that the SDK stamps its requests with it.
import readline from "node:readline";
import path from "node:path";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [, , host, writeKey, modules] = process.argv;
const RealDate = Date;
let now = RealDate.now();

class SimulatedDate extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(now);
    else super(...args);
  }
  static now() {
    return now;
  }
}
globalThis.Date = SimulatedDate;

const require = createRequire(path.resolve(modules, "package.json"));
const { Analytics } = await import(pathToFileURL(require.resolve("@segment/analytics-node")).href);
const analytics = new Analytics({ writeKey, host, maxEventsInBatch: 100, flushInterval: 200 });
analytics.on("error", (error) => {
  console.error("sdk:", error.reason ?? error);
  process.exitCode = 1;
});

const lines = readline.createInterface({ input: process.stdin });
for await (const line of lines) {
  const wave = JSON.parse(line);
  now = wave.now;
  for (const { type, ...call } of wave.calls) {
    analytics[type]({ ...call, timestamp: new RealDate(call.timestamp) });
  }
  await analytics.flush({ timeout: 20000 });
  console.log(`sent ${wave.calls.length}`);
}
await analytics.closeAndFlush();
