/** Tests of a virtual machine, told to its host: a line of JSON for each as it ends. */
import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";
import type { GuestTest } from "../machine.ts";

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { name } = event.data;
    const error = event.type === "test:fail" ? inspect(event.data.details.error.cause ?? event.data.details.error) : "";
    yield `${JSON.stringify({ name, error } satisfies GuestTest)}\n`;
  }
}
