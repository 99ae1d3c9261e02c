// Gives calls to @rudderstack/rudder-sdk-node, with its default of gzip unless "plain" is said.
import { installed, lines } from "./lines.mjs";

const Analytics = installed("@rudderstack/rudder-sdk-node");
const [, , dataPlaneUrl, writeKey, form] = process.argv;
const failed = (error) => {
  console.error("sdk:", error);
  process.exitCode = 1;
};
const client = new Analytics(writeKey, { dataPlaneUrl, gzip: form !== "plain", errorHandler: failed });
for await (const { calls } of lines()) {
  const done = calls.map(
    ({ type, timestamp, ...call }) =>
      new Promise((resolve) => {
        client[type]({ ...call, timestamp: new Date(timestamp) }, (error) => resolve(error && failed(error)));
      }),
  );
  await client.flush();
  await Promise.all(done);
  console.log(`sent ${calls.length}`);
}
