/**
 * `tunl0` where the kernel carries no IP-in-IP: a TAP device that a process of its own serves. Marks: the device's name, and the
 * process's lock. The device goes with its process, so that its end is seen as the device's.
 *
 * Not one more thing than with BPF differs for others: the next hop is told by the Ethernet destination (ADR 16), which a TUN
 * device would not show.
 */
import { tunnelMac } from "../../bpf/ipip-frame.ts";
import type { IpipLink } from "../../compile/node-state.ts";
import { ipv4Of } from "../../ip/address.ts";
import type { Request } from "../../kernel/rtnetlink-requests.ts";
import type { Log } from "../../port/log.ts";
import { KernelError } from "../../port/netlink.ts";
import type { TunnelServer, TunnelState } from "../../port/tunnel-server.ts";
import { type DriverDeps, isGone, missingDevice, takingAway } from "./deps.ts";
import type { IpipCarrier } from "./ipip-carrier.ts";
import { readMarks } from "./ipip-marks.ts";

const EINVAL = 22;

/** What IFLA_INFO_KIND says of TAP devices too. */
const KIND = "tun";

const REMEDY =
  "this kernel has no ipip module and refuses bpf(2), so that IP-in-IP wants a TAP device: load the module tun and let the agent open /dev/net/tun (chmod 666 /dev/net/tun), or load ipip, or use VXLAN";

/** What is called to make the device. */
const DEVICE_CALLS: ReadonlySet<string> = new Set(["open", "ioctl"]);

export interface TunIpipOptions {
  readonly name: string;
  /** PRODUCT_VERSION: a process of another one makes way. */
  readonly version: string;
  readonly server: TunnelServer;
  readonly log: Log;
}

export class TunIpip implements IpipCarrier {
  readonly #deps: DriverDeps;
  readonly #options: TunIpipOptions;
  /** Whether there was a process when it was last looked for. */
  #hadProcess = false;

  constructor(deps: DriverDeps, options: TunIpipOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  async read(): Promise<IpipLink | undefined> {
    const { name } = this.#options;
    const state = await this.#process();
    const link = this.#deps.links.byName(name);
    if (!link && !state) return undefined;
    const local = state?.local ?? ipv4Of(0);
    const item: IpipLink = { kind: "ipip", name, mtu: link?.mtu ?? 0, local, parent: state?.parent ?? "" };
    if (link?.kind !== KIND || !this.#isFit(state) || link.mac !== tunnelMac(local))
      return { ...item, found: "unlike" };
    return link.up ? item : { ...item, found: "down" };
  }

  /** Undefined where it does not answer: it is to be replaced. */
  async #process(): Promise<TunnelState | undefined> {
    const state = await this.#options.server.state().catch((failure: unknown) => {
      if (failure instanceof KernelError) return undefined;
      throw failure;
    });
    this.#hadProcess ||= state !== undefined;
    return state;
  }

  #isFit(state: TunnelState | undefined): boolean {
    return state?.version === this.#options.version && state.device === this.#options.name;
  }

  equal(desired: IpipLink, actual: IpipLink): boolean {
    const { mtu, local, parent, found } = actual;
    return found === undefined && desired.mtu === mtu && desired.local === local && desired.parent === parent;
  }

  async make(desired: IpipLink): Promise<KernelError | undefined> {
    const { links } = this.#deps;
    const { name, server, log } = this.#options;
    const { local, mtu, parent } = desired;
    if (typeof local !== "number") {
      const why = "its local address is no IPv4 address";
      return asTunnelError(new KernelError({ call: "create", errno: "EINVAL", number: EINVAL }), name, why);
    }
    try {
      const state = await this.#process();
      const isNew = !this.#isFit(state) || links.byName(name)?.kind !== KIND;
      if (isNew) {
        if (!state && this.#hadProcess)
          log.warn("the process of an IP-in-IP device has ended; another is started", { name });
        const known = state?.sources ?? new Set();
        const refusal = await this.#restart();
        if (refusal) return refusal;
        await server.change({ add: [...known] });
      }
      if (!(await server.change({ local, parent, mtu }))) return missingDevice(name);
      links.drain();
      const mac = tunnelMac(local);
      // Whoever sets an address, even the same, takes the device's neighbours away.
      const hasMac = links.byName(name)?.mac === mac;
      const change = { mtu, up: true, ...(hasMac ? {} : { mac }) };
      const execute = () => this.#execute({ type: "setLink", link: name, change });
      return await (isNew || hasMac ? execute() : takingAway(this.#deps, name, execute));
    } catch (failure) {
      if (!(failure instanceof KernelError)) throw failure;
      return asTunnelError(failure, name, DEVICE_CALLS.has(failure.detail.call) ? REMEDY : undefined);
    }
  }

  /** A process with a device of its own under the name, whatever is there. */
  async #restart(): Promise<KernelError | undefined> {
    const { name, server } = this.#options;
    const refusal = await this.remove();
    if (refusal) return refusal;
    await server.start(name);
    this.#hadProcess = true;
    return undefined;
  }

  remove(): Promise<KernelError | undefined> {
    return takingAway(this.#deps, this.#options.name, () => this.#remove());
  }

  /** Filters are there where BPF once carried. */
  async #remove(): Promise<KernelError | undefined> {
    const { rtnetlink, links } = this.#deps;
    const { name, server } = this.#options;
    await server.stop();
    this.#hadProcess = false;
    const marks = await readMarks(rtnetlink, links);
    return this.#execute(...marks.map(({ filter }): Request => ({ type: "deleteFilter", filter })), {
      type: "deleteLink",
      link: name,
    });
  }

  async #execute(...requests: readonly Request[]): Promise<KernelError | undefined> {
    const outcomes = await this.#deps.rtnetlink.executeOffLoop(requests);
    const isFine = (error: KernelError, index: number): boolean => requests[index]?.type !== "setLink" && isGone(error);
    return outcomes.find((error, index) => error !== undefined && !isFine(error, index));
  }

  concerns(device: string): boolean {
    return device === this.#options.name;
  }

  isTouchedBy(): boolean {
    return false;
  }
}

function asTunnelError({ errno, detail }: KernelError, name: string, why?: string): KernelError {
  const { call, number, subject } = detail;
  const about = subject === undefined ? call : `${call} of ${subject}`;
  const extack = why === undefined ? about : `${about}; ${why}`;
  return new KernelError({ call: "create", errno, number, subject: `IP-in-IP device ${name}`, extack });
}
