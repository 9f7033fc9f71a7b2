/**
 * The plugin's instructions as x86-64 code (Intel SDM volume 2). Offsets and small numbers take one octet, distances to
 * labels four. Linux passes arguments in rdi, rsi, rdx, r10, r8, r9 and
 * the number in rax; a system call overwrites rax, rcx and r11.
 */
import { Writer } from "../../wire/writer.ts";
import {
  type Argument,
  type Condition,
  Labels,
  type Machine,
  type MachineCode,
  type Register,
  type Source,
  type SystemCall,
} from "./machine.ts";

const NUMBER: Record<Source | "rsp", number> = { result: 0, a: 3, b: 5, c: 12, d: 13, e: 14, f: 15, rsp: 4 };
const ARGUMENTS = [7, 6, 2, 10, 8, 9] as const;
const CALLS: Record<SystemCall, number> = { read: 0, write: 1, socket: 41, connect: 42, sendto: 44, exit: 231 };
/** Second octet of the near conditional jump 0F 8x. */
const JUMPS: Record<Condition, number> = { equal: 0x84, notEqual: 0x85, negative: 0x88, below: 0x82 };

const SIB_BASE = 4;
const NO_INDEX = 0x24;

export class X64Machine implements Machine {
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

  #emit(...octets: readonly number[]): void {
    for (const octet of octets) this.#code.u8(octet);
  }

  /** REX.W, opcode, ModRM with two registers: `rm` is the destination of MOV, ADD, SUB, CMP. */
  #twoRegisters(opcode: number, rm: number, reg: number): void {
    this.#emit(0x48 | ((reg >> 3) << 2) | (rm >> 3), opcode, 0xc0 | ((reg & 7) << 3) | (rm & 7));
  }

  /** Opcode with ModRM for [base + 8-bit offset]. */
  #memory(wide: boolean, opcode: readonly number[], reg: number, base: Register, offset: number): void {
    const rm = NUMBER[base];
    this.#rex((wide ? 0x48 : 0x40) | ((reg >> 3) << 2) | (rm >> 3));
    this.#emit(...opcode, 0x40 | ((reg & 7) << 3) | (rm & 7));
    if ((rm & 7) === SIB_BASE) this.#emit(NO_INDEX);
    this.#emit(offset & 0xff);
  }

  /** A REX prefix that says nothing is left out. */
  #rex(prefix: number): void {
    if (prefix !== 0x40) this.#emit(prefix);
  }

  /** ADD (extension 0) or CMP (7) with a number: sign-extended from one octet where it fits. */
  #withNumber(extension: number, register: number, value: number): void {
    const isShort = value >= -128 && value <= 127;
    this.#emit(0x48 | (register >> 3), isShort ? 0x83 : 0x81, 0xc0 | (extension << 3) | (register & 7));
    if (isShort) this.#emit(value & 0xff);
    else this.#code.i32Host(value);
  }

  /** A 32-bit distance from the end of the instruction to a label. */
  #relative(label: string): void {
    const at = this.#code.length;
    this.#code.u32Host(0);
    this.#labels.use(label, (target) => this.#code.patchU32Host(at, (target - at - 4) >>> 0));
  }

  entry(to: Register): void {
    this.#twoRegisters(0x89, NUMBER[to], NUMBER.rsp);
  }

  reserve(to: Register, octets: number): void {
    this.#emit(0x48, 0x81, 0xec);
    this.#code.u32Host(octets);
    this.entry(to);
  }

  set(to: Register, value: number): void {
    this.#setNumber(NUMBER[to], value);
  }

  /** mov r32, imm32: the upper half becomes zero. */
  #setNumber(register: number, value: number): void {
    this.#rex(0x40 | (register >> 3));
    this.#emit(0xb8 | (register & 7));
    this.#code.u32Host(value >>> 0);
  }

  move(to: Register, from: Source): void {
    this.#twoRegisters(0x89, NUMBER[to], NUMBER[from]);
  }

  add(to: Register, from: Source): void {
    this.#twoRegisters(0x01, NUMBER[to], NUMBER[from]);
  }

  subtract(to: Register, from: Source): void {
    this.#twoRegisters(0x29, NUMBER[to], NUMBER[from]);
  }

  addNumber(to: Register, value: number): void {
    this.#withNumber(0, NUMBER[to], value);
  }

  load64(to: Register, base: Register, offset: number): void {
    this.#memory(true, [0x8b], NUMBER[to], base, offset);
  }

  load32(to: Register, base: Register, offset: number): void {
    this.#memory(false, [0x8b], NUMBER[to], base, offset);
  }

  load8(to: Register, base: Register, offset: number): void {
    this.#memory(false, [0x0f, 0xb6], NUMBER[to], base, offset);
  }

  store32(from: Source, base: Register, offset: number): void {
    this.#memory(false, [0x89], NUMBER[from], base, offset);
  }

  jump(label: string): void {
    this.#emit(0xe9);
    this.#relative(label);
  }

  jumpIf(left: Source, condition: Condition, right: number, label: string): void {
    this.#withNumber(7, NUMBER[left], condition === "negative" ? 0 : right);
    this.#emit(0x0f, JUMPS[condition]);
    this.#relative(label);
  }

  jumpIfSame(left: Register, right: Register, label: string): void {
    this.#twoRegisters(0x39, NUMBER[left], NUMBER[right]);
    this.#emit(0x0f, JUMPS.equal);
    this.#relative(label);
  }

  jumpUnlessWord(base: Register, offset: number, value: number, label: string): void {
    this.#memory(false, [0x81], 7, base, offset);
    this.#code.u32Host(value);
    this.#emit(0x0f, JUMPS.notEqual);
    this.#relative(label);
  }

  call(label: string): void {
    this.#emit(0xe8);
    this.#relative(label);
  }

  /** CALL keeps the return address on the stack: nothing to do. */
  enter(): void {}
  leave(): void {}

  back(): void {
    this.#emit(0xc3);
  }

  systemCall(call: SystemCall, ...args: readonly Argument[]): void {
    for (const [index, register] of ARGUMENTS.entries()) {
      const arg = args[index];
      if (arg === undefined) break;
      if (typeof arg === "string") this.#twoRegisters(0x89, register, NUMBER[arg]);
      else if (typeof arg === "number") this.#setNumber(register, arg);
      else {
        // lea register, [rip + distance]
        this.#emit(0x48 | ((register >> 3) << 2), 0x8d, 0x05 | ((register & 7) << 3));
        this.#relative(arg.label);
      }
    }
    this.#setNumber(0, CALLS[call]);
    this.#emit(0x0f, 0x05);
  }

  finish(): MachineCode {
    this.#labels.resolve();
    const octets = this.#code.finish();
    const codeLength = this.#codeLength ?? octets.length;
    return { code: octets.subarray(0, codeLength), data: octets.subarray(codeLength) };
  }
}
