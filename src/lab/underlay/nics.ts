/** The NICs of a running lab and what can be done to them: filters, MTU, the wire itself, partitions. */
import { CodedError } from "../../base/errors.ts";
import type { Ipv4 } from "../../ip/address.ts";
import { NftTableDriver } from "../../kernel/nftables/table-driver.ts";
import type { Clock } from "../../port/clock.ts";
import type { Log } from "../../port/log.ts";
import type { NetNamespace } from "../../port/namespaces.ts";
import type { Place } from "../../port/places.ts";
import type { NicPolicy, Topology, TopologyHost } from "../topology.ts";
import { applyAll } from "./apply.ts";
import type { NicPort, Underlay } from "./network.ts";
import { NIC_FILTER_TABLE, type NicFilter, nicFilterTable } from "./nic-filter.ts";

export interface NicState {
  readonly host: string;
  readonly policy: NicPolicy;
  /** Octets. */
  readonly mtu: number;
  /** Whether the wire is plugged in. */
  readonly isUp: boolean;
}

export type NicChange = Partial<Omit<NicState, "host">>;

export class NicError extends CodedError<"badMtu", { host: string }> {}

const SMALLEST_MTU = 576;
const LARGEST_MTU = 65_535;

export class Nics {
  readonly #underlay: Underlay;
  readonly #places: ReadonlyMap<string, { readonly place: Place }>;
  readonly #clock: Clock;
  readonly #specs: ReadonlyMap<string, TopologyHost>;
  readonly #states: Map<string, NicState>;
  readonly #drivers: ReadonlyMap<string, NftTableDriver>;
  /** Hosts that are cut off from all others; members of one group still reach each other. */
  #partitions: readonly (readonly string[])[] = [];

  constructor(
    topology: Topology,
    underlay: Underlay,
    places: ReadonlyMap<string, { readonly place: Place }>,
    deps: { readonly clock: Clock; readonly log: Log },
  ) {
    this.#underlay = underlay;
    this.#places = places;
    this.#clock = deps.clock;
    this.#specs = new Map(topology.hosts.map((host) => [host.name, host]));
    this.#states = new Map(
      topology.hosts.map(({ name, nic, policy }) => [name, { host: name, policy, mtu: nic.mtu, isUp: true }]),
    );
    this.#drivers = new Map(
      [...underlay.routers].map(([name, net]: [string, NetNamespace]) => [name, new NftTableDriver(net, deps)]),
    );
  }

  list(): readonly NicState[] {
    return [...this.#states.values()];
  }

  get partitions(): readonly (readonly string[])[] {
    return this.#partitions;
  }

  /** Makes the kernel's filters what the states say. */
  async apply(): Promise<void> {
    const filters = [...this.#states.keys()].map((host) => this.filter(host));
    await Promise.all(
      [...this.#drivers].map(([router, driver]) =>
        driver.apply(
          nicFilterTable(filters.filter(({ host }) => this.#port(host).router === router)),
          NIC_FILTER_TABLE,
        ),
      ),
    );
  }

  /** The filter of a host's NIC as it is now. */
  filter(host: string): NicFilter {
    const spec = this.#spec(host);
    const state = this.#state(host);
    const group = this.#partitions.find((one) => one.includes(host));
    const others = [...this.#specs.values()].filter((other) => this.#isCut(host, other.name, group));
    return {
      host,
      device: this.#port(host).device,
      address: spec.nic.address as Ipv4,
      policy: state.policy,
      cutOff: others.map(({ nic }) => nic.address),
    };
  }

  #isCut(host: string, other: string, group: readonly string[] | undefined): boolean {
    if (host === other) return false;
    return group ? !group.includes(other) : this.#partitions.some((one) => one.includes(other));
  }

  /** Throws NicError for an MTU that no wire has. */
  async set(host: string, change: NicChange): Promise<void> {
    const { mtu, isUp } = change;
    if (mtu !== undefined && !(mtu >= SMALLEST_MTU && mtu <= LARGEST_MTU)) {
      throw new NicError("badMtu", `an MTU of ${mtu} octets is none; take ${SMALLEST_MTU} to ${LARGEST_MTU}`, { host });
    }
    const port = this.#port(host);
    if (mtu !== undefined) {
      const place = this.#places.get(host)?.place;
      if (place)
        applyAll(place.net, this.#clock, [{ type: "setLink", link: this.#spec(host).nic.name, change: { mtu } }]);
      applyAll(port.net, this.#clock, [{ type: "setLink", link: port.device, change: { mtu } }]);
    }
    if (isUp !== undefined)
      applyAll(port.net, this.#clock, [{ type: "setLink", link: port.device, change: { up: isUp } }]);
    this.#states.set(host, { ...this.#state(host), ...change });
    if (change.policy) await this.apply();
  }

  async setPartitions(partitions: readonly (readonly string[])[]): Promise<void> {
    this.#partitions = partitions;
    await this.apply();
  }

  #state(host: string): NicState {
    const state = this.#states.get(host);
    if (!state) throw new Error(`no NIC of '${host}'`);
    return state;
  }

  #spec(host: string): TopologyHost {
    const spec = this.#specs.get(host);
    if (!spec) throw new Error(`no host '${host}'`);
    return spec;
  }

  #port(host: string): NicPort {
    const port = this.#underlay.ports.get(host);
    if (!port) throw new Error(`'${host}' is not plugged in`);
    return port;
  }

  close(): void {
    for (const driver of this.#drivers.values()) driver.close();
  }
}
