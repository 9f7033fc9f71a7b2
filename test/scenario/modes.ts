/** The ways that a pool can carry pods' packets between hosts, by the words that people type, and how routes show them. */
import assert from "node:assert/strict";
import { eventually } from "./eventually.ts";
import type { Testbed } from "./testbed.ts";

export type ModeName = "IPIP Always" | "IPIP CrossSubnet" | "VXLAN Always" | "VXLAN CrossSubnet" | "Direct";

interface Mode {
  readonly ipipMode: string;
  readonly vxlanMode: string;
  /**
   * Worker-1's routes to the blocks of worker-2, in its subnet, and of worker-3, in the other; with backend bird. `VTEP` is any
   * address of the block: as in Calico, a tunnel that is used anew gets the one that has been free for longest.
   */
  readonly routes: readonly [same: string, other: string];
}

export const modes: Readonly<Record<ModeName, Mode>> = {
  "IPIP Always": {
    ipipMode: "Always",
    vxlanMode: "Never",
    routes: [
      "192.168.133.192/26 via 10.30.0.56 dev tunl0 proto bird onlink",
      "192.168.97.192/26 via 10.30.1.66 dev tunl0 proto bird onlink",
    ],
  },
  "IPIP CrossSubnet": {
    ipipMode: "CrossSubnet",
    vxlanMode: "Never",
    routes: [
      "192.168.133.192/26 via 10.30.0.56 dev ens5 proto bird",
      "192.168.97.192/26 via 10.30.1.66 dev tunl0 proto bird onlink",
    ],
  },
  "VXLAN Always": {
    ipipMode: "Never",
    vxlanMode: "Always",
    routes: [
      "192.168.133.192/26 via VTEP dev vxlan.calico onlink",
      "192.168.97.192/26 via VTEP dev vxlan.calico onlink",
    ],
  },
  "VXLAN CrossSubnet": {
    ipipMode: "Never",
    vxlanMode: "CrossSubnet",
    routes: [
      "192.168.133.192/26 via 10.30.0.56 dev ens5 proto 80",
      "192.168.97.192/26 via VTEP dev vxlan.calico onlink",
    ],
  },
  Direct: {
    ipipMode: "Never",
    vxlanMode: "Never",
    routes: [
      "192.168.133.192/26 via 10.30.0.56 dev ens5 proto bird",
      "192.168.97.192/26 via 10.30.0.1 dev ens5 proto bird",
    ],
  },
};

/** Types the patch. */
export async function patchTo(bed: Testbed, name: ModeName): Promise<void> {
  const { ipipMode, vxlanMode } = modes[name];
  const patch = JSON.stringify({ spec: { ipipMode, vxlanMode } });
  const outcome = await bed.shell(`ocicat patch ippool default-ipv4-ippool -p '${patch}'`);
  assert.equal(outcome.stdout, "Successfully patched 1 'IPPool' resource\n", outcome.stderr);
}

/** Waits until worker-1 sends so, and worker-2 and worker-3 back. */
export async function sendsBy(bed: Testbed, name: ModeName): Promise<void> {
  const device = (route: string | undefined): string => / dev (\S+)/.exec(route ?? "")?.[1] ?? "none";
  const [same, other] = modes[name].routes;
  await eventually(async () => {
    const routes = (await bed.routes("worker-1")).map((route) =>
      route.replace(/via 192\.168\.\d+\.\d+ dev vxlan/, "via VTEP dev vxlan"),
    );
    for (const line of [same, other])
      assert.ok(routes.includes(line), `worker-1 lacks '${line}':\n${routes.join("\n")}`);
    for (const [host, there] of [
      ["worker-2", same],
      ["worker-3", other],
    ] as const) {
      const back = (await bed.routes(host)).find((route) => route.startsWith("192.168.226.64/26"));
      assert.equal(device(back), device(there), `${host}: ${back}`);
    }
  });
}
