/** Runs a program on a packet that is nowhere but in memory (BPF_PROG_TEST_RUN). */

import { LinuxBpf } from "../adapter/linux/bpf.ts";
import { attributes, bpf } from "../adapter/linux/bpf-call.ts";
import { ContextAt } from "../bpf/ipip-frame.ts";
import type { BpfProgram } from "../port/bpf.ts";

const LONGEST = 4096;
/** struct __sk_buff as far as programs here know it. */
const SK_BUFF_OCTETS = 184;

export interface Run {
  /** What the program ended with: 7 is a redirection, 2 a drop, −1 the next filter's word. */
  readonly verdict: number;
  /** The packet, Ethernet header first, as the program left it. */
  readonly packet: Uint8Array;
}

/** `segment`: octets of payload in a segment of the packet, which is to be cut. */
export function runProgram(program: BpfProgram, packet: Uint8Array, segment = 0): Run {
  const output = Buffer.alloc(LONGEST);
  const context = Buffer.alloc(SK_BUFF_OCTETS);
  context.writeUInt32LE(segment, ContextAt.segmentOctets);
  const structure = attributes(80, [
    [0, 4, program.fd],
    [8, 4, packet.length],
    [12, 4, output.length],
    [16, 8, packet],
    [24, 8, output],
    [32, 4, 1],
    [40, 4, context.length],
    [48, 8, context],
  ]);
  bpf("testRun", structure, "a test run");
  return { verdict: structure.readInt32LE(4), packet: Uint8Array.from(output.subarray(0, structure.readUInt32LE(12))) };
}

/** Why programs cannot be loaded here; undefined when they can. */
export function whyNoBpf(): string | undefined {
  try {
    new LinuxBpf().createMap({ name: "probe", keyOctets: 4, valueOctets: 1, entries: 1 }).close();
    return undefined;
  } catch (failure) {
    return `needs bpf(2): ${(failure as Error).message}`;
  }
}
