/**
 * The pod's network in the kernel: a veth pair made in the pod's namespace with its other end in the host's, addresses
 * and routes in the pod. The host's routes to the pod are not made here: they follow from the endpoint, which the agent
 * compiles. Requests go off the loop, since any of them may wait for the kernel's one lock.
 */
import type { IpAddress } from "../ip/address.ts";
import { hostPrefix } from "../ip/prefix.ts";
import { Rtnetlink } from "../kernel/rtnetlink.ts";
import { addresses } from "../kernel/rtnetlink-dumps.ts";
import type { Request } from "../kernel/rtnetlink-requests.ts";
import type { TakenDevices } from "../kernel/taken-devices.ts";
import type { IfIndex } from "../netlink/rtnetlink/link.ts";
import type { Clock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Namespaces, NetNamespace } from "../port/namespaces.ts";
import { KernelError } from "../port/netlink.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { GATEWAY6, HOST_MAC, writeHostSettings } from "./host-side.ts";
import { type PairNames, podDifferences, podRoutes } from "./pod-routes.ts";
import type { TurnBudget } from "./turn-budget.ts";

export interface Pair extends PairNames {
  /** Of the pod's end. */
  readonly mac: string;
  /** Octets. */
  readonly mtu: number;
  readonly hasIpv6: boolean;
}

/** A pod's namespace while a call works in it. */
export interface Pod {
  readonly namespace: NetNamespace;
  readonly kernel: Rtnetlink;
  close(): void;
}

const GATEWAY_WAIT_MS = 50;
const GATEWAY_ATTEMPTS = 10;
const MAC_WAIT_MS = 100;
const MAC_ATTEMPTS = 50;

const FORWARDING = [
  [4, "net/ipv4/ip_forward"],
  [6, "net/ipv6/conf/all/forwarding"],
] as const;

export class PodNetworks {
  readonly #namespaces: Namespaces;
  readonly #clock: Clock;
  readonly #host: Rtnetlink;
  readonly #log: Log;
  readonly #turn: TurnBudget;
  readonly #taken: TakenDevices;

  constructor(deps: {
    readonly namespaces: Namespaces;
    readonly taken: TakenDevices;
    readonly clock: Clock;
    readonly log: Log;
    readonly turn: TurnBudget;
  }) {
    this.#namespaces = deps.namespaces;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#turn = deps.turn;
    this.#taken = deps.taken;
    this.#host = new Rtnetlink(deps.namespaces.own(), deps.clock);
  }

  /** Undefined when the namespace is gone. Throws CniError when the path is no other network namespace. */
  open(path: string): Pod | undefined {
    let namespace: NetNamespace | undefined;
    try {
      namespace = this.#namespaces.open(path);
    } catch (failure) {
      // A bind mount that was undone leaves an empty file behind: the namespace is gone.
      if (failure instanceof KernelError && failure.errno === "EINVAL") return undefined;
      throw failure;
    }
    if (!namespace) return undefined;
    if (namespace.id === this.#namespaces.own().id) {
      namespace.close();
      const message = `CNI_NETNS ${path} is the host's own network namespace`;
      throw new CniError(ErrorCode.invalidEnvironment, message, "pods in the host's network get no interface");
    }
    const kernel = new Rtnetlink(namespace, this.#clock);
    const opened = namespace;
    return {
      namespace,
      kernel,
      close: () => {
        kernel.close();
        opened.close();
      },
    };
  }

  /**
   * Makes the pair and brings the host's end up. A pair of an earlier attempt or an older sandbox of the same pod is
   * replaced once `mayReplace` resolves. The index of the pod's end. Throws CniError, KernelError.
   */
  async create(pod: Pod, pair: Pair, mayReplace: () => Promise<unknown>): Promise<IfIndex> {
    await this.#createPair(pod, pair, mayReplace);
    try {
      await this.#raiseHostEnd(pair);
      await this.#turn.room();
      const link = await pod.kernel.linkOffLoop(pair.ifName);
      if (!link)
        throw new CniError(ErrorCode.failed, `interface ${pair.ifName} vanished from the pod while it was made`);
      return link.index;
    } catch (failure) {
      await this.remove(pod, pair);
      throw failure;
    }
  }

  async #createPair(pod: Pod, pair: Pair, mayReplace: () => Promise<unknown>): Promise<void> {
    const { ifName, hostName, mtu, mac } = pair;
    const request: Request = {
      type: "createVeth",
      link: { name: ifName, mtu, mac },
      peer: { name: hostName, mtu, mac: HOST_MAC, namespaceFd: this.#namespaces.own().fd },
    };
    const [failure] = await pod.kernel.executeOffLoop([request]);
    if (!failure) return;
    if (failure.errno !== "EEXIST") throw failure;
    if (await this.#host.linkOffLoop(hostName)) {
      await mayReplace();
      const removal: Request = { type: "deleteLink", link: hostName };
      const [blocked] = await this.#taken.taking(hostName, () => this.#host.executeOffLoop([removal]));
      if (blocked && blocked.errno !== "ENODEV") throw blocked;
      const [again] = await pod.kernel.executeOffLoop([request]);
      if (!again) return;
      if (again.errno !== "EEXIST") throw again;
    }
    const message = `the pod has an interface ${ifName} already, and it is not ours`;
    throw new CniError(
      ErrorCode.failed,
      message,
      "only one network plugin may make it: check the runtime's configuration",
    );
  }

  async #raiseHostEnd({ hostName, hasIpv6 }: Pair): Promise<void> {
    await this.#turn.room();
    await this.#assertMac(hostName);
    writeHostSettings(this.#namespaces.own(), hostName, hasIpv6, this.#log);
    const [notUp] = await this.#host.executeOffLoop([{ type: "setLink", link: hostName, change: { up: true } }]);
    if (notUp) throw notUp;
  }

  /** The kernel takes the MAC with the creation; a device manager of the host may change it once. */
  async #assertMac(hostName: string): Promise<void> {
    for (let attempt = 0; attempt < MAC_ATTEMPTS; attempt++) {
      if ((await this.#host.linkOffLoop(hostName))?.mac === HOST_MAC) return;
      const change = { mac: HOST_MAC };
      const [failure] = await this.#host.executeOffLoop([{ type: "setLink", link: hostName, change }]);
      if (failure) {
        this.#log.warn("the host's end keeps the kernel's MAC", { device: hostName }, failure);
        return;
      }
      if ((await this.#host.linkOffLoop(hostName))?.mac === HOST_MAC) return;
      await this.#wait(MAC_WAIT_MS);
    }
    throw new CniError(ErrorCode.failed, `${hostName} does not keep MAC ${HOST_MAC}: something on the host changes it`);
  }

  /** The pod's IPv6 gateway is the host end's own link-local address, which the kernel makes when the device comes up. */
  async #awaitGateway6(hostName: string): Promise<void> {
    for (let attempt = 0; attempt < GATEWAY_ATTEMPTS; attempt++) {
      const link = await this.#host.linkOffLoop(hostName);
      if (!link) break;
      const found = await this.#host.dump(addresses({ family: 6, index: link.index }));
      if (found.some(({ address }) => address.address === GATEWAY6)) return;
      await this.#wait(GATEWAY_WAIT_MS);
      if (found.length > 0) {
        const change = (up: boolean): Request => ({ type: "setLink", link: hostName, change: { up, mac: HOST_MAC } });
        const upAgain = [change(false), change(true)];
        await this.#taken.taking(hostName, () => this.#host.executeOffLoop(upAgain));
      }
    }
    const message = `${hostName} has no address fe80::ecee:eeff:feee:eeee, which is the pod's IPv6 gateway`;
    throw new CniError(ErrorCode.failed, message, "check net.ipv6.conf.*.addr_gen_mode and disable_ipv6 of the host");
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(delayMs, resolve));
  }

  /** Gives the pod its addresses: routes first, then addresses, as Calico orders them. Throws KernelError. */
  async configure(
    pod: Pod,
    index: IfIndex,
    pair: Pair,
    hosts: readonly IpAddress[],
    allowForwarding: boolean,
  ): Promise<void> {
    await this.#turn.room();
    const forwarding = allowForwarding ? "1" : "0";
    if (pair.hasIpv6) {
      for (const device of ["all", "default", "lo", pair.ifName]) {
        pod.namespace.writeSysctl(`net/ipv6/conf/${device}/disable_ipv6`, "0");
      }
      pod.namespace.writeSysctl(`net/ipv6/conf/${pair.ifName}/accept_dad`, "0");
      // The host's end gets its link-local address once both ends are up.
      const [notUp] = await pod.kernel.executeOffLoop([{ type: "setLink", link: index, change: { up: true } }]);
      if (notUp) throw notUp;
      await this.#awaitGateway6(pair.hostName);
    }
    const families = new Set(hosts.map((address): 4 | 6 => (typeof address === "number" ? 4 : 6)));
    const requests: Request[] = [
      { type: "setLink", link: index, change: { up: true } },
      ...[...families].flatMap((family) => podRoutes(family, index)),
      ...hosts.map((address): Request => ({ type: "addAddress", address: { index, address: hostPrefix(address) } })),
    ];
    const failure = (await pod.kernel.executeOffLoop(requests)).find((outcome) => outcome !== undefined);
    if (failure) throw failure;
    await this.#turn.room();
    for (const [family, path] of FORWARDING) {
      if (families.has(family) && pod.namespace.readSysctl(path) !== forwarding)
        pod.namespace.writeSysctl(path, forwarding);
    }
  }

  /** Removes the pair by the pod's end; an interface that is none of ours stays. Throws KernelError. */
  async remove(pod: Pod, { ifName, hostName }: PairNames): Promise<void> {
    const link = await pod.kernel.linkOffLoop(ifName);
    if (!link) return;
    if (link.kind !== "veth") {
      this.#log.warn("an interface of the pod is left alone: it is no veth", { interface: ifName, kind: link.kind });
      return;
    }
    const removal: Request = { type: "deleteLink", link: link.index };
    const [failure] = await this.#taken.taking(hostName, () => pod.kernel.executeOffLoop([removal]));
    if (failure && failure.errno !== "ENODEV") throw failure;
  }

  /** What differs from what ADD made; empty when all is well. Throws KernelError. */
  differences(pod: Pod, names: PairNames, hosts: readonly IpAddress[]): Promise<readonly string[]> {
    return podDifferences({ pod: pod.kernel, host: this.#host, hostNamespace: this.#namespaces.own() }, names, hosts);
  }

  close(): void {
    this.#host.close();
  }
}
