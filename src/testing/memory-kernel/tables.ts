/** The tables of the memory kernel, and which of them a message is for. */
import { RtmType } from "../../netlink/rtnetlink/codes.ts";
import type { MemoryBpf } from "../memory-bpf.ts";
import { MemoryAddresses } from "./addresses.ts";
import type { Asked, Bus, Shown } from "./bus.ts";
import { MemoryLinks } from "./links.ts";
import { MemoryNeighbours } from "./neighbours.ts";
import { MemoryNexthops } from "./nexthops.ts";
import { Errno, Refusal } from "./refusal.ts";
import { MemoryRoutes } from "./routes.ts";
import { MemoryRules } from "./rules.ts";
import { MemorySysctls } from "./sysctls.ts";
import { MemoryTraffic } from "./traffic-control.ts";

interface Table {
  /** Throws Refusal. */
  request(asked: Asked): void;
  /** What a dump request with this payload lists. */
  list(payload: Uint8Array): readonly Shown[];
}

export class MemoryTables {
  readonly links: MemoryLinks;
  readonly addresses: MemoryAddresses;
  readonly nexthops: MemoryNexthops;
  readonly routes: MemoryRoutes;
  readonly neighbours: MemoryNeighbours;
  readonly rules: MemoryRules;
  readonly sysctls: MemorySysctls;
  readonly traffic: MemoryTraffic;
  readonly #byType: ReadonlyMap<number, Table>;

  constructor(bus: Bus, bpf: MemoryBpf) {
    this.links = new MemoryLinks(bus);
    this.addresses = new MemoryAddresses(bus, this.links);
    this.nexthops = new MemoryNexthops(bus, this.links);
    this.routes = new MemoryRoutes(bus, this);
    this.neighbours = new MemoryNeighbours(bus, this.links);
    this.rules = new MemoryRules(bus);
    this.sysctls = new MemorySysctls(bus, this.links);
    this.traffic = new MemoryTraffic(bus, this.links, bpf);
    const request = (asked: Asked): void => this.traffic.request(asked);
    // Routes see their objects before those are gone.
    this.links.watchers.push(this.routes, this.nexthops, this.neighbours, this.addresses, this.sysctls, this.traffic);
    this.#byType = new Map<number, Table>(
      (
        [
          ["newLink", this.links],
          ["newAddress", this.addresses],
          ["newRoute", this.routes],
          ["newNeighbour", this.neighbours],
          ["newRule", this.rules],
          ["newNexthop", this.nexthops],
          ["newQdisc", { request, list: () => this.traffic.listQdiscs() }],
          ["newFilter", { request, list: (payload: Uint8Array) => this.traffic.listFilters(payload) }],
        ] as const
      ).flatMap(([name, table]) => [0, 1, 2].map((offset) => [RtmType[name] + offset, table] as const)),
    );
  }

  /** The table for a message type: new, delete and get stand next to each other. Throws Refusal. */
  of(type: number): Table {
    const table = this.#byType.get(type);
    if (!table) throw new Refusal(Errno.EOPNOTSUPP);
    return table;
  }
}
