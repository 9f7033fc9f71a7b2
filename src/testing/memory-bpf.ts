/** BPF objects in memory: programs do nothing, maps hold what they are given. Objects stay for good, as if filters held them. */
import { INSTRUCTION_OCTETS, LOAD_64, MAP_DESCRIPTOR } from "../bpf/instruction.ts";
import type { Bpf, BpfMap, BpfObject, BpfProgram, MapShape } from "../port/bpf.ts";
import { KernelError } from "../port/netlink.ts";

interface StoredMap {
  readonly shape: MapShape;
  readonly entries: Map<string, Uint8Array>;
}

export class MemoryBpf implements Bpf {
  readonly #maps = new Map<number, StoredMap>();
  readonly #programs = new Map<number, readonly number[]>();
  /** Numbers of objects by descriptors that are open. */
  readonly #open = new Map<number, number>();
  #next = 1;

  /** Descriptors that are open. */
  get openDescriptors(): number {
    return this.#open.size;
  }

  /** The number of the object that a descriptor stands for. */
  idOf(fd: number): number | undefined {
    return this.#open.get(fd);
  }

  createMap(shape: MapShape): BpfMap {
    const id = this.#next++;
    this.#maps.set(id, { shape, entries: new Map() });
    return this.#map(id);
  }

  openMap(id: number): BpfMap | undefined {
    return this.#maps.has(id) ? this.#map(id) : undefined;
  }

  #map(id: number): BpfMap {
    const { shape, entries } = this.#maps.get(id) as StoredMap;
    return {
      ...this.#object(id),
      set: (key, value) => {
        if (!entries.has(nameOf(key)) && entries.size >= shape.entries) {
          throw new KernelError({ call: "bpf", errno: "E2BIG", number: 7, subject: `map ${id}` });
        }
        entries.set(nameOf(key), Uint8Array.from(value));
      },
      get: (key) => entries.get(nameOf(key)),
      delete: (key) => entries.delete(nameOf(key)),
      keys: () => [...entries.keys()].map((name) => Uint8Array.from(Buffer.from(name, "hex"))).values(),
    };
  }

  loadProgram(_name: string, instructions: Uint8Array): BpfProgram {
    const id = this.#next++;
    const mapIds = mapDescriptors(instructions).flatMap((fd) => this.#open.get(fd) ?? []);
    this.#programs.set(id, mapIds);
    return { ...this.#object(id), mapIds };
  }

  openProgram(id: number): BpfProgram | undefined {
    const mapIds = this.#programs.get(id);
    return mapIds && { ...this.#object(id), mapIds };
  }

  #object(id: number): BpfObject {
    const fd = this.#next++;
    this.#open.set(fd, id);
    return { fd, id, close: () => void this.#open.delete(fd) };
  }
}

const nameOf = (key: Uint8Array): string => Buffer.from(key).toString("hex");

function mapDescriptors(instructions: Uint8Array): readonly number[] {
  const view = new DataView(instructions.buffer, instructions.byteOffset, instructions.byteLength);
  const found: number[] = [];
  for (let at = 0; at < view.byteLength; at += INSTRUCTION_OCTETS) {
    if (view.getUint8(at) === LOAD_64 && view.getUint8(at + 1) >> 4 === MAP_DESCRIPTOR)
      found.push(view.getInt32(at + 4, true));
  }
  return found;
}
