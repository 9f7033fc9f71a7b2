/** Loaded into our speaker before its program: tells who started it, each time it asks, the longest turn since the last time. */
import { Turns } from "../turns.ts";

if (process.send) {
  const turns = new Turns();
  turns.start();
  process.on("message", () => process.send?.(turns.take()));
  process.channel?.unref();
}
