/**
 * Next hops in use, each asked for once: its cost stands here for every path that leads over it, together with the peers whose
 * paths do, so that a change is looked up where it can matter.
 */
import type { IpAddress } from "../../ip/address.ts";
import { AddressMap } from "../../ip/address-map.ts";
import type { Peer } from "./peer.ts";
import type { RibWorld } from "./types.ts";

export interface NextHop {
  readonly address: IpAddress;
  /** Undefined: it cannot be reached. */
  cost: number | undefined;
  /** It is an address of this host: what is told over it is rejected. */
  isOwn: boolean;
  /** Peers by the number of their paths over it. */
  readonly peers: Map<Peer, number>;
}

export class NextHops {
  readonly #hops = new AddressMap<NextHop>();
  readonly #world: Omit<RibWorld, "attributes">;

  constructor(world: Omit<RibWorld, "attributes">) {
    this.#world = world;
  }

  get size(): number {
    return this.#hops.size;
  }

  /** One more path of the peer leads over it. */
  hold(address: IpAddress, peer: Peer): NextHop {
    let hop = this.#hops.get(address);
    if (!hop) {
      hop = { address, ...this.#ask(address), peers: new Map() };
      this.#hops.set(address, hop);
    }
    hop.peers.set(peer, (hop.peers.get(peer) ?? 0) + 1);
    return hop;
  }

  release(hop: NextHop, peer: Peer): void {
    const paths = (hop.peers.get(peer) ?? 0) - 1;
    if (paths > 0) hop.peers.set(peer, paths);
    else hop.peers.delete(peer);
    if (hop.peers.size > 0) return;
    this.#hops.delete(hop.address);
    this.#world.nextHopUnused?.(hop.address);
  }

  /** Asks again; undefined: the answer is the same as before, or nobody cares. */
  refresh(address: IpAddress): { readonly hop: NextHop; readonly isOther: "cost" | "own" } | undefined {
    const hop = this.#hops.get(address);
    if (!hop) return undefined;
    const { cost, isOwn } = this.#ask(address);
    const isOther = hop.isOwn !== isOwn ? "own" : hop.cost !== cost ? "cost" : undefined;
    hop.cost = cost;
    hop.isOwn = isOwn;
    return isOther && { hop, isOther };
  }

  #ask(address: IpAddress): Pick<NextHop, "cost" | "isOwn"> {
    return { cost: this.#world.costOf(address), isOwn: this.#world.isOwnAddress(address) };
  }
}
