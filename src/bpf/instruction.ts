/**
 * BPF instructions as octets: struct bpf_insn of linux/bpf.h, eight octets each, host byte order (little-endian).
 *
 *     0      1                2        4           8
 *     | code | dst:4, src:4   | offset | immediate |
 */
import { Writer } from "../wire/writer.ts";

/** `r0` holds results, `r1` … `r5` arguments, which calls destroy; `r6` … `r9` last; `r10` is the frame, 512 octets below it. */
export type Register = "r0" | "r1" | "r2" | "r3" | "r4" | "r5" | "r6" | "r7" | "r8" | "r9" | "r10";

export interface Instruction {
  readonly code: number;
  readonly destination?: Register;
  readonly source?: Register | number;
  /** −32768 … 32767: octets of memory accesses, instructions of jumps. */
  readonly offset?: number;
  readonly immediate?: number;
}

export const INSTRUCTION_OCTETS = 8;

/** BPF_CLASS: the low three bits of the code. */
export const Class = {
  load: 0x00,
  loadMemory: 0x01,
  storeImmediate: 0x02,
  store: 0x03,
  alu: 0x04,
  jump: 0x05,
  jump32: 0x06,
  alu64: 0x07,
} as const;

/** BPF_SIZE of memory accesses, by octets. */
export const sizes = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 } as const;
export type Size = keyof typeof sizes;

/** BPF_MEM: an access by register and offset. */
export const MEMORY = 0x60;
/** BPF_X: the operand is a register; BPF_K (0) the immediate. */
export const FROM_REGISTER = 0x08;
/** BPF_LD | BPF_DW | BPF_IMM: 64 bits in two instructions. */
export const LOAD_64 = 0x18;
/** BPF_PSEUDO_MAP_FD: the immediate of LOAD_64 is a map's descriptor. */
export const MAP_DESCRIPTOR = 1;

/** BPF_OP of arithmetic. */
export const arithmetic = {
  add: 0x00,
  subtract: 0x10,
  or: 0x40,
  and: 0x50,
  shiftLeft: 0x60,
  shiftRight: 0x70,
  xor: 0xa0,
  move: 0xb0,
} as const;
export type Arithmetic = keyof typeof arithmetic;

/** BPF_OP of comparisons that jump; `above` is unsigned. */
export const comparisons = { equal: 0x10, above: 0x20, notEqual: 0x50 } as const;
export type Comparison = keyof typeof comparisons;

export const CALL = 0x85;
export const EXIT = 0x95;
export const GO_TO = 0x05;
/** BPF_ALU | BPF_END | BPF_TO_BE; the immediate is the width in bits. */
export const TO_NETWORK_ORDER = 0xdc;

const numberOf = (register: Register | number | undefined): number =>
  typeof register === "string" ? Number(register.slice(1)) : (register ?? 0);

export function encodeInstructions(instructions: readonly Instruction[]): Uint8Array {
  const writer = new Writer(instructions.length * INSTRUCTION_OCTETS);
  for (const { code, destination, source, offset = 0, immediate = 0 } of instructions) {
    writer.u8(code);
    writer.u8(numberOf(destination) | (numberOf(source) << 4));
    writer.u16Host(offset & 0xffff);
    writer.u32Host(immediate >>> 0);
  }
  return writer.finish();
}
