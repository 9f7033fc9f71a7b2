/**
 * Store events to the view. Keeps which objects are there, so that a new list removes what it lacks, and which fields
 * cannot be read. An object that cannot be read, a field of it or the whole, keeps the projection that it had (what runs
 * goes on), or stays out (what is new stays closed); what hangs on one that was never read is named, since the absence of
 * its items proves nothing.
 */
import { projectBgpConfiguration, projectBgpFilter, projectBgpPeer } from "../compile/bgp/project.ts";
import { type CompileKey, keys, type Touch } from "../compile/keys.ts";
import {
  describeOrigin,
  nodeOfEndpoint,
  ProjectionError,
  projectBlock,
  projectEndpoint,
  projectNode,
  projectPool,
} from "../compile/project.ts";
import type { Pool, View } from "../compile/view.ts";
import type { Log } from "../port/log.ts";
import { keyText, type Listing, type ObjectKey, type Stored, type WatchEvent } from "../port/store.ts";
import { KeyPrints } from "./drivers/key-prints.ts";

/** The kinds that compile turns on. */
export const compiledKinds = [
  "IPPool",
  "Node",
  "IPAMBlock",
  "WorkloadEndpoint",
  "BGPConfiguration",
  "BGPPeer",
  "BGPFilter",
] as const;

export interface IntentDeps {
  /** What of a pool counts now. */
  readonly stage: (name: string, pool: Pool | undefined) => Pool | undefined;
  readonly log: Log;
}

export class Intent {
  readonly #view: View;
  readonly #touch: Touch;
  readonly #stage: IntentDeps["stage"];
  readonly #log: Log;
  /** Kind → keys that are in the view. */
  readonly #present = new Map<string, Map<string, ObjectKey>>(compiledKinds.map((kind) => [kind, new Map()]));
  /** Of all nodes: counted, and not kept. */
  #endpoints = new KeyPrints();
  readonly #unreadable = new Map<string, ProjectionError>();
  /** Objects that are there and were never read. */
  readonly #unknown = new Map<string, ObjectKey>();

  constructor(view: View, touch: Touch, { stage, log }: IntentDeps) {
    this.#view = view;
    this.#touch = touch;
    this.#stage = stage;
    this.#log = log;
  }

  /** A pool as it counts from now on. */
  setPool(name: string, pool: Pool | undefined): void {
    this.#view.setPool(name, pool, this.#touch);
  }

  /** Objects with a field that could not be read, with the field and the reason. */
  get unreadable(): readonly ProjectionError[] {
    return [...this.#unreadable.values()];
  }

  /** Workload endpoints in the cluster; exact within one or two in 100,000. */
  get endpoints(): number {
    return this.#endpoints.size;
  }

  #count(key: ObjectKey, change: "add" | "delete"): void {
    if (key.kind === "WorkloadEndpoint") this.#endpoints[change](keyText(key));
  }

  listed(kind: string, { objects, unreadable }: Listing): void {
    const present = this.#present.get(kind);
    if (!present) return;
    if (kind === "WorkloadEndpoint") this.#endpoints = new KeyPrints();
    const gone = new Map(present);
    for (const [text, key] of this.#unknown) if (key.kind === kind) this.#unknown.delete(text);
    for (const { key } of unreadable) {
      gone.delete(keyText(key));
      this.#count(key, "add");
      this.#spoiled(key);
    }
    for (const object of objects) {
      gone.delete(keyText(object.key));
      this.#count(object.key, "add");
      this.#set(object);
    }
    for (const key of gone.values()) this.#remove(key);
  }

  event(event: WatchEvent): void {
    this.#count(event.type === "changed" ? event.object.key : event.key, event.type === "removed" ? "delete" : "add");
    if (event.type === "changed") this.#set(event.object);
    else if (event.type === "removed") this.#remove(event.key);
    else this.#spoiled(event.key);
  }

  /** Compile keys that hang on an object that is there and was never read. */
  get unknownKeys(): ReadonlySet<CompileKey> {
    return new Set(Array.from(this.#unknown.values(), (key) => [...this.#keysOn(key)]).flat());
  }

  #keysOn(key: ObjectKey): Iterable<CompileKey> {
    switch (key.kind) {
      case "IPPool":
        return this.#view.keysOfPools();
      case "Node":
        // Whose address is not known, and may be one that packets are taken from.
        return [keys.calicoTable, ...this.#view.keysOfNode(key.name)];
      case "IPAMBlock":
        return [keys.block(key.name)];
      case "BGPConfiguration":
        return this.#view.bgp.allKeys();
      case "BGPPeer":
        return this.#view.bgp.keysOfPeer(key.name);
      case "BGPFilter":
        return [keys.bgpFilter(key.name)];
      default:
        return [keys.endpoint(describeOrigin(key))];
    }
  }

  #spoiled(key: ObjectKey): void {
    this.#unreadable.delete(keyText(key));
    this.#missed(key);
  }

  #missed(key: ObjectKey): void {
    const present = this.#present.get(key.kind);
    if (present && !present.has(keyText(key))) this.#unknown.set(keyText(key), key);
  }

  #set(object: Stored): void {
    const present = this.#present.get(object.key.kind);
    if (!present) return;
    const text = keyText(object.key);
    try {
      const isKept = this.#project(object);
      this.#unreadable.delete(text);
      this.#unknown.delete(text);
      if (isKept) present.set(text, object.key);
      else if (present.has(text)) this.#remove(object.key);
    } catch (failure) {
      if (!(failure instanceof ProjectionError)) throw failure;
      if (this.#unreadable.get(text)?.message !== failure.message) {
        const why = failure.message;
        this.#log.warn("a field cannot be read; its object stays as it was known, or out where it is new", { why });
      }
      this.#unreadable.set(text, failure);
      this.#missed(object.key);
    }
  }

  /** Whether the object is one that this node keeps. */
  #project(object: Stored): boolean {
    const { kind, name } = object.key;
    switch (kind) {
      case "IPPool":
        this.setPool(name, this.#stage(name, projectPool(object)));
        return true;
      case "Node":
        this.#view.setNode(name, projectNode(object), this.#touch);
        return true;
      case "BGPConfiguration":
        this.#view.bgp.setConfiguration(name, projectBgpConfiguration(object), this.#touch);
        return true;
      case "BGPPeer":
        this.#view.bgp.setPeer(name, projectBgpPeer(object), this.#touch);
        return true;
      case "BGPFilter":
        this.#view.bgp.setFilter(name, projectBgpFilter(object), this.#touch);
        return true;
      case "IPAMBlock": {
        const block = projectBlock(object);
        this.#view.setBlock(block.key, block, this.#touch);
        return true;
      }
      default:
        if (nodeOfEndpoint(object) !== this.#view.local.node) return false;
        this.#view.setEndpoint(describeOrigin(object.key), projectEndpoint(object), this.#touch);
        return true;
    }
  }

  #remove(key: ObjectKey): void {
    const text = keyText(key);
    this.#unreadable.delete(text);
    this.#unknown.delete(text);
    if (!this.#present.get(key.kind)?.delete(text)) return;
    switch (key.kind) {
      case "IPPool":
        this.setPool(key.name, this.#stage(key.name, undefined));
        break;
      case "Node":
        this.#view.setNode(key.name, undefined, this.#touch);
        break;
      case "IPAMBlock":
        this.#view.setBlock(key.name, undefined, this.#touch);
        break;
      case "BGPConfiguration":
        this.#view.bgp.setConfiguration(key.name, undefined, this.#touch);
        break;
      case "BGPPeer":
        this.#view.bgp.setPeer(key.name, undefined, this.#touch);
        break;
      case "BGPFilter":
        this.#view.bgp.setFilter(key.name, undefined, this.#touch);
        break;
      default:
        this.#view.setEndpoint(describeOrigin(key), undefined, this.#touch);
    }
  }
}
