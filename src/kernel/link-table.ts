/**
 * The devices of one network namespace by name and index: one dump, then kept current by notifications. Drivers share it,
 * since the kernel's requests name devices by index and people by name, and since much follows a device: what it
 * carried is gone when it goes down, and what waited for it can be set when it comes.
 */
import type { IfIndex, Link, VxlanData } from "../netlink/rtnetlink/link.ts";
import type { Rtnetlink } from "./rtnetlink.ts";
import { links } from "./rtnetlink-dumps.ts";
import type { Subscription } from "./rtnetlink-subscription.ts";

/** A device came (no `before`), changed, or went (no `after`). A rename is a change. */
export type LinkChanged =
  | { readonly before: undefined; readonly after: Link }
  | { readonly before: Link; readonly after: Link }
  | { readonly before: Link; readonly after: undefined };

export interface LinkListener {
  changed(change: LinkChanged): void;
  /**
   * Notifications were lost. The table is read again by `current`, which reports what differs then; a device that went
   * down and came up in between is not seen.
   */
  lost(reason: string): void;
}

export class LinkTable {
  readonly #rtnetlink: Rtnetlink;
  readonly #byIndex = new Map<IfIndex, Link>();
  readonly #indexByName = new Map<string, IfIndex>();
  readonly #listeners = new Set<LinkListener>();
  #subscription: Subscription | undefined;
  /** Set while a dump runs: the newest that notifications said meanwhile, undefined for what is gone. */
  #during: Map<IfIndex, Link | undefined> | undefined;
  #isStale = true;
  #loading: Promise<void> | undefined;

  constructor(rtnetlink: Rtnetlink) {
    this.#rtnetlink = rtnetlink;
  }

  /** Subscribes and reads. Throws KernelError. */
  async start(): Promise<void> {
    this.#subscription ??= this.#rtnetlink.subscribe(["link"], {
      event: (event) => {
        if (event.type !== "link") return;
        this.#during?.set(event.link.index, event.isGone ? undefined : event.link);
        this.#put(event.link.index, event.isGone ? undefined : event.link);
      },
      overrun: (reason) => {
        for (const listener of this.#listeners) listener.lost(reason);
        this.#isStale = true;
      },
    });
    await this.reload();
  }

  byName(name: string): Link | undefined {
    const index = this.#indexByName.get(name);
    return index === undefined ? undefined : this.#byIndex.get(index);
  }

  byIndex(index: IfIndex): Link | undefined {
    return this.#byIndex.get(index);
  }

  all(): IterableIterator<Link> {
    return this.#byIndex.values();
  }

  /** Takes in what the kernel has said until now: a device that a request has just made is known after it. */
  drain(): void {
    this.#subscription?.drain();
  }

  /** Calls the listener for every change from now on; the returned function ends that. */
  listen(listener: LinkListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Reads the devices again if notifications were lost. Throws KernelError. */
  async current(): Promise<void> {
    this.drain();
    while (this.#isStale) await this.reload();
  }

  /** Reads all devices and reports what differs. Calls that overlap share one dump. Throws KernelError. */
  reload(): Promise<void> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #load(): Promise<void> {
    this.drain();
    this.#isStale = false;
    this.#during = new Map();
    try {
      const found = new Map((await this.#rtnetlink.dump(links())).map((link) => [link.index, link]));
      this.drain();
      for (const [index, link] of this.#during) {
        if (link) found.set(index, link);
        else found.delete(index);
      }
      for (const index of [...this.#byIndex.keys()]) if (!found.has(index)) this.#put(index, undefined);
      for (const [index, link] of found) this.#put(index, link);
    } catch (failure) {
      this.#isStale = true;
      throw failure;
    } finally {
      this.#during = undefined;
    }
  }

  #put(index: IfIndex, after: Link | undefined): void {
    const before = this.#byIndex.get(index);
    if (before && this.#indexByName.get(before.name) === index) this.#indexByName.delete(before.name);
    if (after) {
      this.#byIndex.set(index, after);
      this.#indexByName.set(after.name, index);
    } else this.#byIndex.delete(index);
    if (!before && !after) return;
    if (before && after && isSame(before, after)) return;
    for (const listener of this.#listeners) listener.changed({ before, after } as LinkChanged);
  }

  /** Idempotent. */
  close(): void {
    this.#subscription?.close();
    this.#subscription = undefined;
    this.#listeners.clear();
  }
}

/** Whether nothing that anybody here looks at has changed; counters and such do not count. */
function isSame(a: Link, b: Link): boolean {
  return (
    a.name === b.name &&
    a.flags === b.flags &&
    a.mtu === b.mtu &&
    a.mac === b.mac &&
    a.operState === b.operState &&
    a.kind === b.kind &&
    a.master === b.master &&
    a.peer === b.peer &&
    a.peerNamespace === b.peerNamespace &&
    isSameVxlan(a.vxlan, b.vxlan)
  );
}

function isSameVxlan(a: VxlanData | undefined, b: VxlanData | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (Object.keys(a) as (keyof VxlanData)[]).every((name) => a[name] === b[name]);
}
