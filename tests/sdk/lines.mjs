// What every script needs: packages from the working folder, and commands from standard input, one JSON value a line.
import readline from "node:readline";
import path from "node:path";
import { createRequire } from "node:module";

export const installed = createRequire(path.resolve("package.json"));

export async function* lines() {
  for await (const line of readline.createInterface({ input: process.stdin })) yield JSON.parse(line);
}
