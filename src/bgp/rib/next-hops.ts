/**
 * Next hops in use, each asked for once: its cost stands here for every path that leads over it, together with the peers whose
 * paths do, so that a change is looked up where it can matter.
 */
import type { IpAddress } from "../../ip/address.ts";
import type { Peer } from "./peer.ts";

export interface NextHop {
  readonly address: IpAddress;
  /** Undefined: it cannot be reached. */
  cost: number | undefined;
  /** Peers by the number of their paths over it. */
  readonly peers: Map<Peer, number>;
}

export class NextHops {
  readonly #hops = new Map<IpAddress, NextHop>();
  readonly #costOf: (address: IpAddress) => number | undefined;

  constructor(costOf: (address: IpAddress) => number | undefined) {
    this.#costOf = costOf;
  }

  get size(): number {
    return this.#hops.size;
  }

  /** One more path of the peer leads over it. */
  hold(address: IpAddress, peer: Peer): NextHop {
    let hop = this.#hops.get(address);
    if (!hop) {
      hop = { address, cost: this.#costOf(address), peers: new Map() };
      this.#hops.set(address, hop);
    }
    hop.peers.set(peer, (hop.peers.get(peer) ?? 0) + 1);
    return hop;
  }

  release(hop: NextHop, peer: Peer): void {
    const paths = (hop.peers.get(peer) ?? 0) - 1;
    if (paths > 0) hop.peers.set(peer, paths);
    else hop.peers.delete(peer);
    if (hop.peers.size === 0) this.#hops.delete(hop.address);
  }

  /** Asks again; the hop where the answer is another than before. */
  refresh(address: IpAddress): NextHop | undefined {
    const hop = this.#hops.get(address);
    const cost = this.#costOf(address);
    if (!hop || hop.cost === cost) return undefined;
    hop.cost = cost;
    return hop;
  }
}
