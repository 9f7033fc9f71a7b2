/** A frame's first octets, on the stack. */
import type { Assembler } from "./assembler.ts";
import { ContextAt, ETHERNET_OCTETS, FRAME, FRAME_OCTETS } from "./ipip-frame.ts";

/** What is read of it, by where it begins: the destination's two halves, the header, as the stack's alignment allows. */
const PIECES = [
  { at: 0, size: 2 },
  { at: 2, size: 4 },
  { at: ETHERNET_OCTETS, size: 4 },
  { at: ETHERNET_OCTETS + 4, size: 8 },
  { at: ETHERNET_OCTETS + 12, size: 8 },
] as const;

/**
 * Puts the Ethernet destination and the IPv4 header of the packet (context in r6) on the stack; goes to `short` where there is
 * less of it. What lies in one piece, as nearly all does, is read without a call. Changes r2, r3, r4.
 */
export function loadFrame(program: Assembler, short: string): void {
  program
    .load(4, "r2", "r6", ContextAt.data)
    .load(4, "r3", "r6", ContextAt.dataEnd)
    .alu("move", "r4", "r2")
    .alu("add", "r4", FRAME_OCTETS)
    .jumpIfBeyond("r4", "r3", "scattered");
  for (const { at, size } of PIECES) program.load(size, "r3", "r2", at).store(size, "r10", FRAME + at, "r3");
  program
    .goTo("framed")
    .label("scattered")
    .call("loadBytes", "r6", 0, { stack: FRAME }, FRAME_OCTETS)
    .jumpIfResult("notEqual", short)
    .label("framed");
}
