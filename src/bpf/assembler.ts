/**
 * Writes a BPF program instruction by instruction: jumps go forward to labels (the verifier's life, and ours, is easier
 * without loops), calls name their helper and take their arguments in order.
 */
import { CodedError } from "../base/errors.ts";
import {
  type Arithmetic,
  arithmetic,
  CALL,
  Class,
  type Comparison,
  comparisons,
  EXIT,
  encodeInstructions,
  FROM_REGISTER,
  GO_TO,
  type Instruction,
  LOAD_64,
  MAP_DESCRIPTOR,
  MEMORY,
  type Register,
  type Size,
  sizes,
  TO_NETWORK_ORDER,
} from "./instruction.ts";

/** A program that cannot be: a mistake of whoever wrote it. */
export class AssemblyError extends CodedError<"label", { label: string }> {}

/** Numbers of helper functions (linux/bpf.h, enum bpf_func_id). */
export const Helper = {
  lookupElement: 1,
  updateElement: 2,
  randomNumber: 7,
  storeBytes: 9,
  replaceHeaderChecksum: 10,
  redirect: 23,
  loadBytes: 26,
  checksumDifference: 28,
  changeTail: 38,
  adjustRoom: 50,
  redirectToNeighbour: 152,
} as const;

/** An argument of a call: a register, a number, or an address on the stack by its distance from the frame. */
export type Argument = Register | number | { readonly stack: number };

const ARGUMENTS: readonly Register[] = ["r1", "r2", "r3", "r4", "r5"];

export class Assembler {
  readonly #instructions: Instruction[] = [];
  readonly #labels = new Map<string, number>();
  readonly #jumps: { readonly at: number; readonly label: string }[] = [];

  /** 64-bit arithmetic; an immediate is extended by its sign. */
  alu(operation: Arithmetic, destination: Register, operand: Register | number): this {
    return this.#arithmetic(Class.alu64, operation, destination, operand);
  }

  /** 32-bit arithmetic; clears the upper half. */
  alu32(operation: Arithmetic, destination: Register, operand: Register | number): this {
    return this.#arithmetic(Class.alu, operation, destination, operand);
  }

  #arithmetic(kind: number, operation: Arithmetic, destination: Register, operand: Register | number): this {
    const code = kind | arithmetic[operation];
    return typeof operand === "number"
      ? this.#add({ code, destination, immediate: operand })
      : this.#add({ code: code | FROM_REGISTER, destination, source: operand });
  }

  /** The low 16 bits from the host's order to the network's, or back; clears the rest. */
  toNetworkOrder16(destination: Register): this {
    return this.#add({ code: TO_NETWORK_ORDER, destination, immediate: 16 });
  }

  load(size: Size, destination: Register, base: Register, offset: number): this {
    return this.#add({ code: Class.loadMemory | MEMORY | sizes[size], destination, source: base, offset });
  }

  /** Stores a register's low octets, or a number. */
  store(size: Size, base: Register, offset: number, value: Register | number): this {
    return typeof value === "number"
      ? this.#add({ code: Class.storeImmediate | MEMORY | sizes[size], destination: base, offset, immediate: value })
      : this.#add({ code: Class.store | MEMORY | sizes[size], destination: base, source: value, offset });
  }

  /** The map of a descriptor. */
  loadMap(destination: Register, descriptor: number): this {
    return this.#add(
      { code: LOAD_64, destination, source: MAP_DESCRIPTOR, immediate: descriptor },
      // The upper half of the 64 bits.
      { code: 0 },
    );
  }

  /** Jumps when the comparison holds for the low 32 bits. */
  jumpIf(register: Register, comparison: Comparison, operand: number, label: string): this {
    this.#jumps.push({ at: this.#instructions.length, label });
    return this.#add({
      code: Class.jump32 | comparisons[comparison],
      destination: register,
      immediate: operand,
    });
  }

  /** Jumps when a pointer into the packet is beyond the end of what lies in one piece. */
  jumpIfBeyond(pointer: Register, end: Register, label: string): this {
    this.#jumps.push({ at: this.#instructions.length, label });
    const code = Class.jump | comparisons.above | FROM_REGISTER;
    return this.#add({ code, destination: pointer, source: end });
  }

  /** Jumps when a call's result (a number, or a pointer that may be null) is zero, or is not. */
  jumpIfResult(comparison: "equal" | "notEqual", label: string): this {
    this.#jumps.push({ at: this.#instructions.length, label });
    return this.#add({ code: Class.jump | comparisons[comparison], destination: "r0" });
  }

  goTo(label: string): this {
    this.#jumps.push({ at: this.#instructions.length, label });
    return this.#add({ code: GO_TO });
  }

  label(name: string): this {
    if (this.#labels.has(name)) throw labelError(name, "stands twice");
    this.#labels.set(name, this.#instructions.length);
    return this;
  }

  /** Puts the arguments into r1 … r5, in their order, and calls. What an argument says of r1 … r5 holds before the call's own moves. */
  call(helper: keyof typeof Helper, ...args: readonly Argument[]): this {
    for (const [index, argument] of args.entries()) {
      const register = ARGUMENTS[index] ?? "r5";
      if (typeof argument === "object") this.alu("move", register, "r10").alu("add", register, argument.stack);
      else if (argument !== register) this.alu("move", register, argument);
    }
    return this.#add({ code: CALL, immediate: Helper[helper] });
  }

  /** Ends with a number, or with what r0 holds. */
  exit(result?: number): this {
    if (result !== undefined) this.alu("move", "r0", result);
    return this.#add({ code: EXIT });
  }

  /** Throws AssemblyError where a jump goes nowhere or back. */
  assemble(): Uint8Array {
    const instructions = [...this.#instructions];
    for (const { at, label } of this.#jumps) {
      const target = this.#labels.get(label);
      if (target === undefined) throw labelError(label, "is jumped to and stands nowhere");
      if (target <= at) throw labelError(label, "is jumped back to");
      instructions[at] = { ...(instructions[at] as Instruction), offset: target - at - 1 };
    }
    return encodeInstructions(instructions);
  }

  #add(...instructions: readonly Instruction[]): this {
    this.#instructions.push(...instructions);
    return this;
  }
}

const labelError = (label: string, why: string): AssemblyError =>
  new AssemblyError("label", `BPF program: label '${label}' ${why}`, { label });
