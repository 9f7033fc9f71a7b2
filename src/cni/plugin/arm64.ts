/**
 * The plugin's instructions as AArch64 code (Arm ARM, A64 base instructions). Linux passes arguments in x0 … x5 and
 * the number in x8; a system call overwrites x0 alone. x9 and x10 are scratch here.
 */
import { Writer } from "../../wire/writer.ts";
import {
  type Argument,
  type Condition,
  Labels,
  type Machine,
  type MachineCode,
  PluginError,
  type Register,
  type Source,
  type SystemCall,
} from "./machine.ts";

const NUMBER: Record<Source, number> = { result: 0, a: 19, b: 20, c: 21, d: 22, e: 23, f: 24 };
const CALLS: Record<SystemCall, number> = { read: 63, write: 64, socket: 198, connect: 203, sendto: 206, exit: 94 };
/** Condition field of B.cond. */
const CONDITIONS: Record<Condition, number> = { equal: 0, notEqual: 1, below: 3, negative: 4 };

const SCRATCH = 9;
const SECOND_SCRATCH = 10;
const CALL_NUMBER = 8;
const STACK = 31;
const ZERO = 31;

/** Places of a label's distance in an instruction. */
type Distance = "adr" | "jump" | "conditional";

export class Arm64Machine implements Machine {
  readonly #code = new Writer(1024);
  readonly #labels = new Labels();
  #codeLength: number | undefined;

  label(name: string): void {
    this.#labels.define(name, this.#code.length);
  }

  data(label: string, octets: Uint8Array): void {
    this.#codeLength ??= this.#code.length;
    this.label(label);
    this.#code.octets(octets);
  }

  #emit(instruction: number): void {
    this.#code.u32Host(instruction >>> 0);
  }

  /** An instruction with a distance from itself to a label. */
  #withLabel(instruction: number, label: string, form: Distance): void {
    const at = this.#code.length;
    this.#emit(instruction);
    this.#labels.use(label, (target) => {
      this.#code.patchU32Host(at, (instruction | distance(target - at, form, label)) >>> 0);
    });
  }

  /** ADD Xd, Xn, #0 is how a stack pointer is copied. */
  entry(to: Register): void {
    this.#emit(0x91000000 | (STACK << 5) | NUMBER[to]);
  }

  /** SUB SP, SP, #n, LSL #12. */
  reserve(to: Register, octets: number): void {
    this.#emit(0xd1400000 | ((octets >> 12) << 10) | (STACK << 5) | STACK);
    this.entry(to);
  }

  set(to: Register, value: number): void {
    this.#setNumber(NUMBER[to], value);
  }

  /** MOVZ, and MOVK for the upper 16 bits where there are any. */
  #setNumber(register: number, value: number): void {
    this.#emit(0xd2800000 | ((value & 0xffff) << 5) | register);
    const upper = value >>> 16;
    if (upper !== 0) this.#emit(0xf2a00000 | (upper << 5) | register);
  }

  move(to: Register, from: Source): void {
    this.#copy(NUMBER[to], NUMBER[from]);
  }

  /** ORR Xd, XZR, Xm. */
  #copy(to: number, from: number): void {
    this.#emit(0xaa000000 | (from << 16) | (ZERO << 5) | to);
  }

  add(to: Register, from: Source): void {
    this.#emit(0x8b000000 | (NUMBER[from] << 16) | (NUMBER[to] << 5) | NUMBER[to]);
  }

  subtract(to: Register, from: Source): void {
    this.#emit(0xcb000000 | (NUMBER[from] << 16) | (NUMBER[to] << 5) | NUMBER[to]);
  }

  addNumber(to: Register, value: number): void {
    const opcode = value < 0 ? 0xd1000000 : 0x91000000;
    this.#emit(opcode | (Math.abs(value) << 10) | (NUMBER[to] << 5) | NUMBER[to]);
  }

  /** LDUR and STUR take a signed offset of 9 bits. */
  #memory(opcode: number, register: number, base: Register, offset: number): void {
    this.#emit(opcode | ((offset & 0x1ff) << 12) | (NUMBER[base] << 5) | register);
  }

  load64(to: Register, base: Register, offset: number): void {
    this.#memory(0xf8400000, NUMBER[to], base, offset);
  }

  load32(to: Register, base: Register, offset: number): void {
    this.#memory(0xb8400000, NUMBER[to], base, offset);
  }

  load8(to: Register, base: Register, offset: number): void {
    this.#memory(0x38400000, NUMBER[to], base, offset);
  }

  store32(from: Source, base: Register, offset: number): void {
    this.#memory(0xb8000000, NUMBER[from], base, offset);
  }

  jump(label: string): void {
    this.#withLabel(0x14000000, label, "jump");
  }

  /** SUBS XZR, Xn, #n; B.cond. */
  jumpIf(left: Source, condition: Condition, right: number, label: string): void {
    const number = condition === "negative" ? 0 : right;
    this.#emit(0xf1000000 | (number << 10) | (NUMBER[left] << 5) | ZERO);
    this.#withLabel(0x54000000 | CONDITIONS[condition], label, "conditional");
  }

  /** SUBS XZR, Xn, Xm; B.EQ. */
  jumpIfSame(left: Register, right: Register, label: string): void {
    this.#emit(0xeb000000 | (NUMBER[right] << 16) | (NUMBER[left] << 5) | ZERO);
    this.#withLabel(0x54000000 | CONDITIONS.equal, label, "conditional");
  }

  jumpUnlessWord(base: Register, offset: number, value: number, label: string): void {
    this.#memory(0xb8400000, SCRATCH, base, offset);
    this.#setNumber(SECOND_SCRATCH, value);
    this.#emit(0xeb000000 | (SECOND_SCRATCH << 16) | (SCRATCH << 5) | ZERO);
    this.#withLabel(0x54000000 | CONDITIONS.notEqual, label, "conditional");
  }

  call(label: string): void {
    this.#withLabel(0x94000000, label, "jump");
  }

  /** STR X30, [SP, #-16]!: a call keeps the return address in x30. */
  enter(): void {
    this.#emit(0xf81f0ffe);
  }

  /** LDR X30, [SP], #16. */
  leave(): void {
    this.#emit(0xf84107fe);
  }

  back(): void {
    this.#emit(0xd65f03c0);
  }

  systemCall(call: SystemCall, ...args: readonly Argument[]): void {
    for (const [index, arg] of args.entries()) {
      if (typeof arg === "string") this.#copy(index, NUMBER[arg]);
      else if (typeof arg === "number") this.#setNumber(index, arg);
      else this.#withLabel(0x10000000 | index, arg.label, "adr");
    }
    this.#setNumber(CALL_NUMBER, CALLS[call]);
    this.#emit(0xd4000001);
  }

  finish(): MachineCode {
    this.#labels.resolve();
    const octets = this.#code.finish();
    const codeLength = this.#codeLength ?? octets.length;
    return { code: octets.subarray(0, codeLength), data: octets.subarray(codeLength) };
  }
}

/** The distance's bits in their place. Throws PluginError `outOfRange`. */
function distance(octets: number, form: Distance, label: string): number {
  const limit = form === "jump" ? 1 << 27 : 1 << 20;
  if (octets < -limit || octets >= limit) {
    throw new PluginError("outOfRange", `label '${label}' is ${octets} octets away`, { subject: label });
  }
  if (form === "adr") return ((octets & 3) << 29) | (((octets >> 2) & 0x7ffff) << 5);
  return form === "jump" ? (octets >> 2) & 0x3ffffff : ((octets >> 2) & 0x7ffff) << 5;
}
