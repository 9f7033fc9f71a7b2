/**
 * Two nodes in different subnets, a router between them that knows no pod, and a pod behind each node:
 *
 *     pod 192.168.226.65 ─ cali1 [one] ens5 10.30.0.206 ─ [router] ─ 10.30.1.66 ens5 [two] cali1 ─ 192.168.97.193 pod
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { IpipLink, TunnelSourceItem } from "../compile/node-state.ts";
import { parseAddress } from "../ip/address.ts";
import { createNamespace, type TestNamespace } from "./netns.ts";

export interface BedNode {
  readonly host: TestNamespace;
  readonly pod: TestNamespace;
  readonly address: string;
  readonly podAddress: string;
  readonly block: string;
  /** Its device's address, the block's first. */
  readonly tunnelAddress: string;
  /** For its process's lock and socket. */
  readonly folder: string;
}

const GATEWAY_MAC = "ee:ee:ee:ee:ee:ee";

export class IpipBed {
  readonly router = createNamespace();
  readonly #folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-ipip-"));
  readonly one: BedNode;
  readonly two: BedNode;
  /** An agent that still runs would make what `close` takes away. */
  readonly #agents: { end(signal: "SIGKILL"): Promise<unknown> }[] = [];

  constructor() {
    this.router.ip("link set lo up");
    this.router.net.writeSysctl("net/ipv4/ip_forward", "1");
    this.one = this.#node("one", "10.30.0", "206", "192.168.226.64", "192.168.226.65");
    this.two = this.#node("two", "10.30.1", "66", "192.168.97.192", "192.168.97.193");
  }

  #node(name: string, subnet: string, number: string, tunnelAddress: string, podAddress: string): BedNode {
    const host = createNamespace();
    const pod = createNamespace();
    const address = `${subnet}.${number}`;
    host.ip("link set lo up");
    host.ip(`link add ens5 type veth peer name ${name} netns ${this.router.path}`);
    this.router.ip(`address add ${subnet}.1/24 dev ${name}`);
    this.router.ip(`link set ${name} up`);
    host.ip(`address add ${address}/24 dev ens5`);
    host.ip("link set ens5 up");
    host.ip(`route add default via ${subnet}.1`);
    host.net.writeSysctl("net/ipv4/ip_forward", "1");
    // Strict: what comes out of the tunnel must be what would go into it.
    for (const which of ["all", "default"]) host.net.writeSysctl(`net/ipv4/conf/${which}/rp_filter`, "1");
    host.ip(`link add cali1 address ${GATEWAY_MAC} mtu 1480 type veth peer name eth0 mtu 1480 netns ${pod.path}`);
    host.ip("link set cali1 up");
    pod.ip("link set lo up");
    pod.ip(`address add ${podAddress}/32 dev eth0`);
    pod.ip("link set eth0 up");
    pod.ip(`neighbour add 169.254.1.1 lladdr ${GATEWAY_MAC} dev eth0`);
    pod.ip("route add default via 169.254.1.1 dev eth0 onlink");
    host.ip(`route add ${podAddress}/32 dev cali1 scope link`);
    return {
      host,
      pod,
      address,
      podAddress,
      tunnelAddress,
      block: `${tunnelAddress}/26`,
      folder: path.join(this.#folder, name),
    };
  }

  /** From now on the router has routes of this MTU to both nodes, whose NICs do not know of it. */
  narrow(mtu: number): void {
    for (const [name, subnet] of [
      ["one", "10.30.0"],
      ["two", "10.30.1"],
    ]) {
      this.router.ip(`route replace ${subnet}.0/24 dev ${name} src ${subnet}.1 mtu ${mtu}`);
    }
  }

  other(node: BedNode): BedNode {
    return node === this.one ? this.two : this.one;
  }

  /** Ends before the bed does. */
  inhabit(agent: { end(signal: "SIGKILL"): Promise<unknown> }): void {
    this.#agents.push(agent);
  }

  /** A process that serves a tunnel ends with its device; else it would hold its namespace. */
  async close(): Promise<void> {
    for (const agent of this.#agents) await agent.end("SIGKILL");
    for (const { host, pod } of [this.one, this.two]) {
      if (host.ip("-br link").includes("tunl0")) host.ip("link delete tunl0");
      pod.close();
      host.close();
    }
    this.router.close();
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The device that a node of the bed shall have. */
export const tunnelOf = ({ address }: Pick<BedNode, "address">): IpipLink => ({
  kind: "ipip",
  name: "tunl0",
  mtu: 1480,
  local: parseAddress(address),
  subnetLength: 24,
  parent: "ens5",
});

/** That a node may send. */
export const sourceOf = ({ address }: Pick<BedNode, "address">): TunnelSourceItem => ({
  device: "tunl0",
  address: parseAddress(address),
});
