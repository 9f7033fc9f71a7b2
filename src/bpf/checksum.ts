/** The Internet checksum in a program. */
import type { Assembler } from "./assembler.ts";

/** Octets on the stack, both multiples of four. */
export interface Words {
  readonly at: number;
  readonly count: number;
}

/** Writes the checksum of the octets at octet `field` of them; `before` is the sum of what follows them. Changes r0 and r2. */
export function putChecksum(
  program: Assembler,
  { at, count, field }: Words & { readonly field: number },
  before: 0 | "r9" = 0,
): void {
  program.store(2, "r10", at + field, 0);
  sumWords(program, { at, count }, before);
  fold(program);
  program.alu("xor", "r0", 0xffff).store(2, "r10", at + field, "r0");
}

/** The sum of the octets and of `before` in r0, without a call: for headers. Changes r2. */
export function sumWords(program: Assembler, { at, count }: Words, before: 0 | "r9" = 0): void {
  program.alu("move", "r0", before);
  for (let word = at; word < at + count; word += 4) program.load(4, "r2", "r10", word).alu("add", "r0", "r2");
  program.alu("move", "r2", "r0").alu("shiftRight", "r2", 32).alu32("move", "r0", "r0").alu("add", "r0", "r2");
}

/** The sum in r0, below 2^33, as 16 bits in one's complement (RFC 1071). Changes r2. */
export function fold(program: Assembler): void {
  for (let time = 0; time < 3; time++) {
    program.alu("move", "r2", "r0").alu("shiftRight", "r2", 16).alu("and", "r0", 0xffff).alu("add", "r0", "r2");
  }
}
