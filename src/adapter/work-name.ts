/** Names of work by Node's asynchronous contexts. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { WorkName } from "../port/work-name.ts";

export class AsyncWorkName implements WorkName {
  readonly #storage = new AsyncLocalStorage<string>();

  get current(): string | undefined {
    return this.#storage.getStore();
  }

  run<T>(name: string, work: () => T): T {
    return this.#storage.run(name, work);
  }
}
