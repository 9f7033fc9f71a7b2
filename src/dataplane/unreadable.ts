/**
 * Which objects of the store cannot be read: each is logged when it is found, and named as long as it is so. What becomes
 * of them is the business of whoever keeps objects: they stay as they were known.
 */
import type { Log } from "../port/log.ts";
import { keyText, type Listing, type Unreadable, type WatchEvent } from "../port/store.ts";

export class UnreadableObjects {
  readonly #log: Log;
  readonly #byKey = new Map<string, Unreadable>();

  constructor(log: Log) {
    this.#log = log;
  }

  listed(kind: string, { unreadable }: Listing): void {
    const gone = new Map([...this.#byKey].filter(([, { key }]) => key.kind === kind));
    for (const object of unreadable) {
      gone.delete(keyText(object.key));
      this.#set(object);
    }
    for (const text of gone.keys()) this.#byKey.delete(text);
  }

  event(event: WatchEvent): void {
    if (event.type === "unreadable") this.#set(event);
    else this.#byKey.delete(keyText(event.type === "changed" ? event.object.key : event.key));
  }

  /** One line for each. */
  get reasons(): readonly string[] {
    return Array.from(this.#byKey.values(), ({ why }) => why);
  }

  #set(object: Unreadable): void {
    const text = keyText(object.key);
    const known = this.#byKey.get(text);
    this.#byKey.set(text, object);
    if (known?.revision === object.revision) return;
    this.#log.warn("an object cannot be read; it stays as it was known, or out where it is new", { why: object.why });
  }
}
