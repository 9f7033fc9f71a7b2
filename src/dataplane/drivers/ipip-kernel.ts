/**
 * `tunl0` by the kernel's own module. The device that the module makes by itself is taken over; it cannot be removed, so
 * that one which is not wanted is set down and counts as gone.
 *
 * Local address and parent are the kernel's choice, by route.
 */
import type { IpipLink } from "../../compile/node-state.ts";
import { ipv4Of } from "../../ip/address.ts";
import type { Request } from "../../kernel/rtnetlink-requests.ts";
import type { KernelError } from "../../port/netlink.ts";
import { type DriverDeps, isGone, takingAway } from "./deps.ts";
import type { IpipCarrier } from "./ipip-carrier.ts";

export class KernelIpip implements IpipCarrier {
  readonly #deps: DriverDeps;
  readonly #name: string;

  constructor(deps: DriverDeps, name: string) {
    this.#deps = deps;
    this.#name = name;
  }

  async read(): Promise<IpipLink | undefined> {
    const link = this.#deps.links.byName(this.#name);
    if (!link) return undefined;
    const isOurKind = link.kind === "ipip";
    if (isOurKind && !link.up) return undefined;
    const found = { kind: "ipip", name: link.name, mtu: link.mtu, local: ipv4Of(0), parent: "" } as const;
    return isOurKind ? found : { ...found, found: "unlike" };
  }

  equal(desired: IpipLink, actual: IpipLink): boolean {
    return actual.found === undefined && desired.mtu === actual.mtu;
  }

  make({ name, mtu }: IpipLink): Promise<KernelError | undefined> {
    const existing = this.#deps.links.byName(name);
    if (existing?.kind === "ipip") return this.#execute({ type: "setLink", link: name, change: { mtu, up: true } });
    const removal: readonly Request[] = existing ? [{ type: "deleteLink", link: name }] : [];
    return this.#takingAway(...removal, { type: "createIpip", link: { name, mtu, up: true } });
  }

  remove(): Promise<KernelError | undefined> {
    const existing = this.#deps.links.byName(this.#name);
    if (!existing) return Promise.resolve(undefined);
    if (existing.kind !== "ipip") return this.#takingAway({ type: "deleteLink", link: this.#name });
    return this.#takingAway({ type: "setLink", link: this.#name, change: { up: false } });
  }

  #takingAway(...requests: readonly Request[]): Promise<KernelError | undefined> {
    return takingAway(this.#deps, this.#name, () => this.#execute(...requests));
  }

  async #execute(...requests: readonly Request[]): Promise<KernelError | undefined> {
    const outcomes = await this.#deps.rtnetlink.executeOffLoop(requests);
    return outcomes.find((error) => error !== undefined && !isGone(error));
  }

  concerns(device: string): boolean {
    return device === this.#name;
  }

  isTouchedBy(): boolean {
    return false;
  }
}
