/** bpf(2) as a process sees it that may not call it. */
import type { Bpf } from "../port/bpf.ts";
import { KernelError } from "../port/netlink.ts";

const EPERM = 1;

function refused(): never {
  throw new KernelError({ call: "bpf", errno: "EPERM", number: EPERM, subject: "map ocicat_sources" });
}

export const refusedBpf: Bpf = { createMap: refused, openMap: refused, loadProgram: refused, openProgram: refused };
