/**
 * The few instructions that the plugin executable is made of, for any processor: a back end writes each of them as
 * machine code. Six registers survive calls and system calls (`a` … `f`); `result` holds what a system call answered
 * and is overwritten by the next.
 */
import { CodedError } from "../../base/errors.ts";

export class PluginError extends CodedError<"pathTooLong" | "unknownLabel" | "outOfRange", { subject: string }> {}

export type Register = "a" | "b" | "c" | "d" | "e" | "f";
export type Source = Register | "result";

export type SystemCall = "read" | "write" | "socket" | "connect" | "sendto" | "exit";

/** An argument of a system call: a register, a number of at most 32 bits, or the address of a label. */
export type Argument = Register | number | { readonly label: string };

/** `below` compares unsigned; `negative` looks at bit 63. */
export type Condition = "equal" | "notEqual" | "negative" | "below";

export interface Machine {
  label(name: string): void;
  /** Octets behind the code, under a label. No instruction may follow. */
  data(label: string, octets: Uint8Array): void;
  /** The stack pointer as the kernel left it: argc, arguments, null, environment, null. */
  entry(to: Register): void;
  /** Room on the stack, a multiple of 64 KiB; its address. */
  reserve(to: Register, octets: number): void;
  set(to: Register, value: number): void;
  move(to: Register, from: Source): void;
  add(to: Register, from: Source): void;
  subtract(to: Register, from: Source): void;
  /** −2048 … 2047. */
  addNumber(to: Register, value: number): void;
  /** Offsets are −128 … 127. */
  load64(to: Register, base: Register, offset: number): void;
  /** Zero-extended. */
  load32(to: Register, base: Register, offset: number): void;
  load8(to: Register, base: Register, offset: number): void;
  store32(from: Source, base: Register, offset: number): void;
  jump(label: string): void;
  /** Jumps when `left` compares so with a number 0 … 2047; `negative` ignores the number. */
  jumpIf(left: Source, condition: Condition, right: number, label: string): void;
  /** Jumps when the registers are equal. */
  jumpIfSame(left: Register, right: Register, label: string): void;
  /** Compares 32 bits in memory with a number. */
  jumpUnlessWord(base: Register, offset: number, value: number, label: string): void;
  call(label: string): void;
  /** First in a routine that calls others. */
  enter(): void;
  leave(): void;
  back(): void;
  systemCall(call: SystemCall, ...args: readonly Argument[]): void;
  /** The code with every label resolved. Throws PluginError `unknownLabel`, `outOfRange`. */
  finish(): MachineCode;
}

/** The data follows the code without a gap. */
export interface MachineCode {
  readonly code: Uint8Array;
  readonly data: Uint8Array;
}

/** Where labels are and which places wait for them: the same for every back end. */
export class Labels {
  readonly #at = new Map<string, number>();
  readonly #waiting: { readonly label: string; patch(target: number): void }[] = [];

  define(label: string, at: number): void {
    this.#at.set(label, at);
  }

  /** Calls `patch` with the label's place once all labels are known. */
  use(label: string, patch: (target: number) => void): void {
    this.#waiting.push({ label, patch });
  }

  resolve(): void {
    for (const { label, patch } of this.#waiting) {
      const target = this.#at.get(label);
      if (target === undefined) {
        throw new PluginError("unknownLabel", `no label '${label}' in the plugin's program`, { subject: label });
      }
      patch(target);
    }
  }
}

/** The word that four ASCII characters make in little-endian memory. */
export const word = (text: string): number => Buffer.from(text, "latin1").readUInt32LE();
