/** BPF programs and maps of the real kernel. bpf(2). */
import type { Bpf, BpfMap, BpfObject, BpfProgram, MapShape } from "../../port/bpf.ts";
import { attributes, bpf, bpfError, type Field, tryBpf } from "./bpf-call.ts";
import { call } from "./libc.ts";

const BPF_MAP_TYPE_HASH = 1;
/** Elements take memory when they come, not all of it at once. */
const BPF_F_NO_PREALLOC = 1;
const BPF_PROG_TYPE_SCHED_CLS = 3;
const ENOENT = 2;
const E2BIG = 7;
const EAGAIN = 11;
/** A signal that comes while the verifier works ends its work with EAGAIN, and has been taken when it is begun anew. */
const LOAD_ATTEMPTS = 10;

const NAME_OCTETS = 16;
const LOG_OCTETS = 64 << 10;
/** The lines before the last ones tell how the verifier came there. */
const LOG_LINES = 5;
/** More maps than any program of ours has. */
const MAP_IDS = 16;
const PROGRAM_INFO_OCTETS = 80;
const MAP_INFO_OCTETS = 80;
/** No function that the program calls is for GPL programs alone. */
const LICENSE = Buffer.from("Apache-2.0\0");

export class LinuxBpf implements Bpf {
  createMap({ name, keyOctets, valueOctets, entries }: MapShape): BpfMap {
    const structure = attributes(44, [
      [0, 4, BPF_MAP_TYPE_HASH],
      [4, 4, keyOctets],
      [8, 4, valueOctets],
      [12, 4, entries],
      [16, 4, BPF_F_NO_PREALLOC],
    ]);
    structure.write(name.slice(0, NAME_OCTETS - 1), 28, "latin1");
    return mapOf(bpf("createMap", structure, `map ${name}`));
  }

  openMap(id: number): BpfMap | undefined {
    return opened("mapById", id, mapOf);
  }

  loadProgram(name: string, instructions: Uint8Array): BpfProgram {
    const plain: readonly Field[] = [
      [0, 4, BPF_PROG_TYPE_SCHED_CLS],
      [4, 4, instructions.length / 8],
      [8, 8, instructions],
      [16, 8, LICENSE],
    ];
    const load = (fields: readonly Field[]): number => {
      const structure = attributes(64, fields);
      structure.write(name.slice(0, NAME_OCTETS - 1), 48, "latin1");
      let result = -EAGAIN;
      for (let attempt = 0; result === -EAGAIN && attempt < LOAD_ATTEMPTS; attempt++)
        result = tryBpf("loadProgram", structure);
      return result;
    };
    const fd = load(plain);
    if (fd >= 0) return programOf(fd);
    // Once more, for the verifier's reasons: writing them takes longer than all else.
    const log = Buffer.alloc(LOG_OCTETS);
    const again = load([...plain, [24, 4, 1], [28, 4, LOG_OCTETS], [32, 8, log]]);
    if (again >= 0) return programOf(again);
    throw bpfError(-fd, `program ${name}`, lastLines(log));
  }

  openProgram(id: number): BpfProgram | undefined {
    return opened("programById", id, programOf);
  }
}

function lastLines(log: Buffer): string | undefined {
  const lines = log.toString("latin1", 0, log.indexOf(0)).trim().split("\n");
  return lines.join("") === "" ? undefined : lines.slice(-LOG_LINES).join("; ");
}

function opened<T>(command: "mapById" | "programById", id: number, made: (fd: number) => T): T | undefined {
  const fd = tryBpf(command, attributes(12, [[0, 4, id]]));
  if (fd === -ENOENT) return undefined;
  if (fd < 0) throw bpfError(-fd, `${command === "mapById" ? "map" : "program"} ${id}`);
  return made(fd);
}

/** The structure that the kernel has about an object. Closes the descriptor where it has none. */
function infoOf(fd: number, length: number, fields: readonly Field[] = []): Buffer {
  const info = attributes(length, fields);
  try {
    bpf(
      "objectInfo",
      attributes(16, [
        [0, 4, fd],
        [4, 4, length],
        [8, 8, info],
      ]),
      `descriptor ${fd}`,
    );
  } catch (failure) {
    call("close", [fd]);
    throw failure;
  }
  return info;
}

class LinuxBpfObject implements BpfObject {
  readonly fd: number;
  readonly id: number;
  #isClosed = false;

  constructor(fd: number, id: number) {
    this.fd = fd;
    this.id = id;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    call("close", [this.fd]);
  }
}

function programOf(fd: number): BpfProgram {
  const ids = Buffer.alloc(4 * MAP_IDS);
  const info = infoOf(fd, PROGRAM_INFO_OCTETS, [
    [52, 4, MAP_IDS],
    [56, 8, ids],
  ]);
  const count = Math.min(info.readUInt32LE(52), MAP_IDS);
  const mapIds = Array.from({ length: count }, (_, index) => ids.readUInt32LE(4 * index));
  return Object.assign(new LinuxBpfObject(fd, info.readUInt32LE(4)), { mapIds });
}

const mapOf = (fd: number): BpfMap => {
  const info = infoOf(fd, MAP_INFO_OCTETS);
  return new LinuxBpfMap(fd, info.readUInt32LE(4), {
    keyOctets: info.readUInt32LE(8),
    valueOctets: info.readUInt32LE(12),
    entries: info.readUInt32LE(16),
  });
};

class LinuxBpfMap extends LinuxBpfObject implements BpfMap {
  readonly #keyOctets: number;
  readonly #valueOctets: number;
  readonly #entries: number;

  constructor(fd: number, id: number, { keyOctets, valueOctets, entries }: Omit<MapShape, "name">) {
    super(fd, id);
    this.#keyOctets = keyOctets;
    this.#valueOctets = valueOctets;
    this.#entries = entries;
  }

  set(key: Uint8Array, value: Uint8Array): void {
    const result = tryBpf("updateElement", this.#element([8, 8, key], [16, 8, value]));
    if (result === -E2BIG) throw bpfError(E2BIG, `map ${this.id}`, `it has its ${this.#entries} entries`);
    if (result < 0) throw bpfError(-result, `map ${this.id}`);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const value = new Uint8Array(this.#valueOctets);
    const result = tryBpf("lookupElement", this.#element([8, 8, key], [16, 8, value]));
    if (result === -ENOENT) return undefined;
    if (result < 0) throw bpfError(-result, `map ${this.id}`);
    return value;
  }

  delete(key: Uint8Array): boolean {
    const result = tryBpf("deleteElement", this.#element([8, 8, key]));
    if (result < 0 && result !== -ENOENT) throw bpfError(-result, `map ${this.id}`);
    return result >= 0;
  }

  /** A key that vanishes while it is stood on begins the walk anew: at most as many steps are made as there can be keys. */
  *keys(): IterableIterator<Uint8Array> {
    let before: Uint8Array | undefined;
    for (let steps = 0; steps < this.#entries; steps++) {
      const key = new Uint8Array(this.#keyOctets);
      const result = tryBpf("nextKey", this.#element([16, 8, key], ...(before ? [[8, 8, before] as const] : [])));
      if (result === -ENOENT) return;
      if (result < 0) throw bpfError(-result, `map ${this.id}`);
      yield key;
      before = key;
    }
  }

  #element(...fields: readonly Field[]): Buffer {
    return attributes(32, [[0, 4, this.fd], ...fields]);
  }
}
