/** The tunnel process of a namespace in a test, started from the sources. It ends with the test's process. */
import path from "node:path";
import { TunnelProcess } from "../adapter/ipip/tunnel-process.ts";
import type { NetNamespace } from "../port/namespaces.ts";
import { PARENT_VARIABLE } from "../port/programs.ts";

/** `parent`: the process that it ends with. */
export const tunnelProcessAt = (net: NetNamespace, folder: string, parent = process.pid): TunnelProcess =>
  new TunnelProcess({
    folder,
    command: { file: process.execPath, args: [path.join(import.meta.dirname, "../main.ts")], env: {} },
    env: { ...process.env, [PARENT_VARIABLE]: String(parent) },
    within: (work) => net.run(work),
  });
