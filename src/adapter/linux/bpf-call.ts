/** bpf(2): one system call whose argument is a structure that depends on the command (union bpf_attr of linux/bpf.h). */
import { KernelError } from "../../port/netlink.ts";
import { addressOf, kernelError, tryCall } from "./libc.ts";

/** enum bpf_cmd. */
export const Command = {
  createMap: 0,
  lookupElement: 1,
  updateElement: 2,
  deleteElement: 3,
  nextKey: 4,
  loadProgram: 5,
  testRun: 10,
  programById: 13,
  mapById: 14,
  objectInfo: 15,
} as const;

const SYS_BPF: Readonly<Partial<Record<NodeJS.Architecture, number>>> = { x64: 321, arm64: 280 };
const ENOSYS = 38;

/** A field: where it is, how wide, and a number or the octets that it points to. */
export type Field = readonly [at: number, octets: 4 | 8, value: number | Uint8Array];

/** The structure. Octets that fields point to must stay referenced until the call is over. */
export function attributes(length: number, fields: readonly Field[]): Buffer {
  const structure = Buffer.alloc(length);
  for (const [at, octets, value] of fields) {
    if (typeof value !== "number") structure.writeBigUInt64LE(addressOf(value), at);
    else if (octets === 4) structure.writeUInt32LE(value, at);
    else structure.writeBigUInt64LE(BigInt(value), at);
  }
  return structure;
}

/** The result, or −errno. */
export function tryBpf(command: keyof typeof Command, structure: Buffer): number {
  const number = SYS_BPF[process.arch];
  if (number === undefined) return -ENOSYS;
  return tryCall("syscall", [number, Command[command], structure, structure.length]);
}

/** The result. Throws KernelError about `subject`; one who may not is told what it takes. */
export function bpf(command: keyof typeof Command, structure: Buffer, subject: string): number {
  const result = tryBpf(command, structure);
  if (result < 0) throw bpfError(-result, subject);
  return result;
}

export function bpfError(number: number, subject: string, words?: string): KernelError {
  const { errno } = kernelError("bpf", number);
  const isRefused = errno === "EPERM" || errno === "ENOSYS";
  const extack = isRefused ? "bpf(2) wants root's capabilities in the initial user namespace" : words;
  return new KernelError({ call: "bpf", errno, number, subject, ...(extack === undefined ? {} : { extack }) });
}
