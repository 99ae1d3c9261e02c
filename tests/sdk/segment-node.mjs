// Gives calls to @segment/analytics-node. One line in, {"calls": [...]}; one line out when the SDK is through with them.
import { installed, lines } from "./lines.mjs";

const { Analytics } = installed("@segment/analytics-node");
const [, , host, writeKey] = process.argv;
const analytics = new Analytics({ writeKey, host });
analytics.on("error", (error) => {
  console.error("sdk:", error.reason ?? error);
  process.exitCode = 1;
});
for await (const { calls } of lines()) {
  for (const { type, ...call } of calls) analytics[type](call);
  await analytics.flush({ timeout: 60000 });
  console.log(`sent ${calls.length}`);
}
await analytics.closeAndFlush({ timeout: 60000 });
