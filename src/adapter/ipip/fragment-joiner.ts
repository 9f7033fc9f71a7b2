/** Joined outer packets, from a raw socket to the other end of the tunnel's device, in the agent itself: they are few. */
import { loaded32 } from "../../bpf/ipip-frame.ts";
import { formatAddress } from "../../ip/address.ts";
import type { Log } from "../../port/log.ts";
import type { Metrics } from "../../port/metrics.ts";
import type { NetNamespace } from "../../port/namespaces.ts";
import { KernelError } from "../../port/netlink.ts";
import type { FragmentedTunnel, OuterFragments } from "../../port/outer-fragments.ts";
import { noPackets } from "../../port/tunnel-server.ts";
import { call, pollReadable } from "../linux/libc.ts";
import { openFrameSender } from "../linux/packet-socket.ts";
import { openTunnelSocket } from "../linux/tunnel-socket.ts";
import { Inbound } from "./inbound.ts";

export interface FragmentJoinerDeps {
  readonly namespace: Pick<NetNamespace, "run">;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "count">;
}

const isSame = (a: FragmentedTunnel, b: FragmentedTunnel): boolean =>
  a.local === b.local && a.through === b.through && a.mtu === b.mtu && a.sources.id === b.sources.id;

export class FragmentJoiner implements OuterFragments {
  readonly #deps: FragmentJoinerDeps;
  #tunnel: FragmentedTunnel | undefined;
  #ends: (() => void)[] = [];
  /** Whose fragments the log has told of. */
  #warned: FragmentedTunnel | undefined;

  constructor(deps: FragmentJoinerDeps) {
    this.#deps = deps;
  }

  join(tunnel: FragmentedTunnel): void {
    if (this.#tunnel && isSame(this.#tunnel, tunnel)) {
      tunnel.sources.close();
      return;
    }
    this.leave();
    this.#tunnel = tunnel;
    this.#ends.push(() => tunnel.sources.close());
    try {
      this.#deps.namespace.run(() => this.#open(tunnel));
    } catch (failure) {
      this.leave();
      if (!(failure instanceof KernelError)) throw failure;
      this.#deps.log.warn("outer packets of IP-in-IP that come in fragments are dropped", { why: failure.message });
    }
  }

  #open({ local, through, mtu, sources }: FragmentedTunnel): void {
    const socket = openTunnelSocket(local);
    this.#ends.push(() => call("close", [socket]));
    const device = openFrameSender(through);
    this.#ends.push(() => call("close", [device]));
    const counters = noPackets();
    // The program has asked of each fragment already; where its filter is away, packets come as they are.
    const asked = Buffer.alloc(4);
    const inbound = new Inbound(device, counters, {
      has: (source) => {
        asked.writeInt32LE(source);
        return sources.get(asked) !== undefined;
      },
    });
    Object.assign(inbound, { socket, local: loaded32(local), mtu });
    const poll = pollReadable(socket, () => {
      inbound.turn();
      this.#report(counters);
    });
    this.#ends.push(() => poll.close());
  }

  #report(counters: ReturnType<typeof noPackets>): void {
    const { log, metrics } = this.#deps;
    const { received, unknownSource, notReceived } = counters;
    metrics.count("ipipJoined", received);
    metrics.count("ipipNotJoined", unknownSource, { reason: "unknown source" });
    metrics.count("ipipNotJoined", notReceived, { reason: "out of shape, or refused by the device" });
    Object.assign(counters, noPackets());
    const tunnel = this.#tunnel;
    if (received === 0 || !tunnel || this.#warned === tunnel) return;
    this.#warned = tunnel;
    log.warn(
      "outer packets of IP-in-IP come in fragments, which is slow: a hop between nodes has a smaller MTU; set ipipMTU to fit",
      {
        local: formatAddress(tunnel.local),
      },
    );
  }

  leave(): void {
    // Last made, first ended: nobody polls what is closed.
    for (const end of this.#ends.reverse()) end();
    this.#ends = [];
    this.#tunnel = undefined;
  }
}
