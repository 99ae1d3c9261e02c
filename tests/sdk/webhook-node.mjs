// Has the npm package standardwebhooks judge messages. In: {"secret", "messages": [{"headers", "body"}]}; out: verdicts.
import { installed, lines } from "./lines.mjs";

const { Webhook } = installed("standardwebhooks");
for await (const { secret, messages } of lines()) {
  const verdicts = messages.map(({ headers, body }) => {
    try {
      new Webhook(secret).verify(body, headers);
      return true;
    } catch {
      return false;
    }
  });
  console.log(JSON.stringify(verdicts));
}
