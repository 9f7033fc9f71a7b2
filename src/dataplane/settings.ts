/** The small kinds that an agent keeps whole: what its configuration, its addresses and its tunnels turn on. */
import type { Clock, Timer } from "../port/clock.ts";
import type { Listing, Stored, WatchEvent } from "../port/store.ts";

export const settingKinds = ["IPPool", "FelixConfiguration", "BGPConfiguration", "ClusterInformation", "Node"] as const;
export type SettingKind = (typeof settingKinds)[number];

/** Changes come in bursts (a start writes several objects); they are told of together. */
const SETTLE_MS = 20;

export class Settings {
  readonly #node: string;
  readonly #clock: Clock;
  readonly #changed: (settings: Settings) => void;
  readonly #objects = new Map<string, Map<string, Stored>>(settingKinds.map((kind) => [kind, new Map()]));
  #timer: Timer | undefined;

  constructor(node: string, clock: Clock, changed: (settings: Settings) => void) {
    this.#node = node;
    this.#clock = clock;
    this.#changed = changed;
  }

  all(kind: SettingKind): readonly Stored[] {
    return [...(this.#objects.get(kind)?.values() ?? [])];
  }

  get(kind: SettingKind, name: string): Stored | undefined {
    return this.#objects.get(kind)?.get(name);
  }

  /** An object that cannot be read stays as it was known. */
  listed(kind: string, { objects, unreadable }: Listing): void {
    const kept = this.#objects.get(kind);
    if (!kept) return;
    const known = unreadable.flatMap(({ key }) => kept.get(key.name) ?? []);
    kept.clear();
    for (const object of [...objects, ...known]) if (this.#keeps(object.key)) kept.set(object.key.name, object);
    this.#tell();
  }

  events(events: readonly WatchEvent[]): void {
    let isTouched = false;
    for (const event of events) {
      const key = event.type === "changed" ? event.object.key : event.key;
      const kept = this.#objects.get(key.kind);
      if (!kept || !this.#keeps(key) || event.type === "unreadable") continue;
      isTouched = true;
      if (event.type === "changed") kept.set(key.name, event.object);
      else kept.delete(key.name);
    }
    if (isTouched) this.#tell();
  }

  /** Of nodes only the own one: thousands of them are the view's business. */
  #keeps({ kind, name }: Stored["key"]): boolean {
    return kind !== "Node" || name === this.#node;
  }

  #tell(): void {
    this.#timer ??= this.#clock.after(SETTLE_MS, () => {
      this.#timer = undefined;
      this.#changed(this);
    });
  }

  close(): void {
    this.#timer?.cancel();
  }
}
