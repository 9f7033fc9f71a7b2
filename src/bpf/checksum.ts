/** The Internet checksum in a program. */
import type { Assembler } from "./assembler.ts";

/** The 32-bit sum in r0 as 16 bits in one's complement (RFC 1071). */
export function fold(program: Assembler): void {
  program.alu32("move", "r0", "r0");
  for (let time = 0; time < 2; time++) {
    program.alu("move", "r2", "r0").alu("shiftRight", "r2", 16).alu("and", "r0", 0xffff).alu("add", "r0", "r2");
  }
}
