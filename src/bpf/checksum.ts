/** The Internet checksum in a program. */
import type { Assembler } from "./assembler.ts";

/** Writes the checksum of so many octets on the stack at octet `field` of them; `before` is the sum of what follows them. Changes r0 and r2. */
export function putChecksum(
  program: Assembler,
  octets: { readonly at: number; readonly count: number; readonly field: number },
  before: 0 | "r9" = 0,
): void {
  const { at, count, field } = octets;
  program.store(2, "r10", at + field, 0).call("checksumDifference", 0, 0, { stack: at }, count, before);
  fold(program);
  program.alu("xor", "r0", 0xffff).store(2, "r10", at + field, "r0");
}

/** The 32-bit sum in r0 as 16 bits in one's complement (RFC 1071). */
export function fold(program: Assembler): void {
  program.alu32("move", "r0", "r0");
  for (let time = 0; time < 2; time++) {
    program.alu("move", "r2", "r0").alu("shiftRight", "r2", 16).alu("and", "r0", 0xffff).alu("add", "r0", "r2");
  }
}
