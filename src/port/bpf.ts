/**
 * BPF programs and maps: octets in, descriptors out. Objects live as long as somebody holds them: a descriptor, a filter
 * that runs a program, a program that uses a map. A process that ends drops its descriptors; what filters hold goes on.
 */

/** A program or a map, by a descriptor of this process. */
export interface BpfObject {
  readonly fd: number;
  /** The kernel's number of it, by which other processes find it. */
  readonly id: number;
  /** Drops the descriptor. Idempotent. */
  close(): void;
}

export interface BpfProgram extends BpfObject {
  /** Numbers of the maps that it uses. */
  readonly mapIds: readonly number[];
}

/** A hash map with keys and values of fixed sizes. */
export interface BpfMap extends BpfObject {
  /** Sets what the key has. Throws KernelError E2BIG when the map is full. */
  set(key: Uint8Array, value: Uint8Array): void;
  /** Undefined where there is no such key. Throws KernelError. */
  get(key: Uint8Array): Uint8Array | undefined;
  /** Whether there was such a key. Throws KernelError. */
  delete(key: Uint8Array): boolean;
  /** The keys, as they stand while they are walked. Throws KernelError. */
  keys(): IterableIterator<Uint8Array>;
}

export interface MapShape {
  /** At most 15 letters, for tools. */
  readonly name: string;
  readonly keyOctets: number;
  readonly valueOctets: number;
  readonly entries: number;
}

export interface Bpf {
  /** Throws KernelError. */
  createMap(shape: MapShape): BpfMap;
  /** Undefined when there is none of that number. Throws KernelError. */
  openMap(id: number): BpfMap | undefined;
  /** A program for traffic control. Throws KernelError with what the verifier said. */
  loadProgram(name: string, instructions: Uint8Array): BpfProgram;
  /** Undefined when there is none of that number. Throws KernelError. */
  openProgram(id: number): BpfProgram | undefined;
}
