/** The contract of everything that makes one kind of object real. */
import type { KernelError } from "../port/netlink.ts";
import type { Op } from "./plan.ts";

export interface Failure {
  readonly key: string;
  readonly error: KernelError;
}

/**
 * What notifications say of objects of a driver's kind, whoever changed them: a foreign hand, the kernel itself, or us.
 * A driver may leave out its own changes, whose outcome `apply` tells. When `apply` begins it says what is known until
 * then; what happens while it runs is said in a later turn, when its owner has taken in the outcome.
 */
export interface DriverSink<V> {
  /**
   * The kernel holds this under the key now; undefined: nothing of ours. Notifications come in the kernel's order and
   * are drained before the sink's owner acts, so that the last one is the truth. `inPlace`: what others have put there
   * instead, in words.
   */
  observed(key: string, actual: V | undefined, inPlace?: string): void;
  /** What kept an operation on this key from succeeding (its device was missing or down) is gone: try it again now. */
  retry(key: string): void;
  /** Notifications were lost, or a change was too wide to name keys: read everything again. */
  resync(reason: string): void;
}

/** One kind of kernel object in one network namespace. */
export interface Driver<V> {
  readonly name: string;
  /**
   * Everything of ours, known without any memory (the ownership table), and objects of others in the way of `wanted`
   * keys. Streams the dump: no turn over the budget.
   */
  readOwned(): Promise<ReadonlyMap<string, V>>;
  /** Whether the kernel's object is what is desired; attributes that the desired one leaves out do not count. */
  equal(desired: V, actual: V): boolean;
  /**
   * Carries out a batch, in the given order as far as the kernel cares. Idempotent: adding what exists and removing
   * what is gone both succeed. One failing op stops no other; failures come back by key. Where a device was in the way,
   * `retry` is called for the key when the device has changed; there is no need to poll.
   */
  apply(ops: readonly Op<V>[]): Promise<readonly Failure[]>;
  /** How what the last `apply` found under a key differed, in words; left out where items in words tell it. */
  difference?(key: string): string | undefined;
  /** Reports changes from now on. Once. */
  watch(sink: DriverSink<V>): void;
  close(): void;
}
