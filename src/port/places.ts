/** Places: a network, a mount and a UTS namespace together. What a host or a pod of the lab lives in. */
import type { NetNamespace } from "./namespaces.ts";

/** Namespace files under /proc that other processes of the same PID namespace can enter while the owner lives. */
export interface PlacePaths {
  readonly net: string;
  readonly mount: string;
  readonly uts: string;
  /** Of the process that owns the place. */
  readonly user: string;
}

export interface Place {
  readonly net: NetNamespace;
  readonly paths: PlacePaths;
  /** Runs `work` with the thread inside all three. `work` is synchronous and enters no other namespace. */
  run<T>(work: () => T): T;
  close(): void;
}

export interface Places {
  /** A new network namespace. Its loopback is down. */
  makeNet(): NetNamespace;
  /**
   * A new place whose mounts are a copy of `parent`'s (of this process's own without one). `prepare` runs inside
   * before anybody else can: it mounts and names.
   */
  make(prepare: () => void, parent?: Place): Place;
}
