// Has @mailchimp/mailchimp_marketing make calls. In: {"endpoint", "config", "calls": [[api, method, ...arguments]]};
// out: for each {"ok": answer} or {"status", "problem"}.
import { installed, lines } from "./lines.mjs";

const mailchimp = installed("@mailchimp/mailchimp_marketing");
for await (const { endpoint, config, calls } of lines()) {
  mailchimp.setConfig(config);
  mailchimp.basePath = `${endpoint}/3.0`;
  const answers = [];
  for (const [api, method, ...args] of calls) {
    try {
      answers.push({ ok: (await mailchimp[api][method](...args)) ?? null });
    } catch (error) {
      answers.push({ status: error.status, problem: error.response?.body ?? String(error) });
    }
  }
  console.log(JSON.stringify(answers));
}
