/**
 * Address management of one process: requests of a family wait in one lane and are served together, so that a hundred
 * pods at once cost a few writes. The truth is in the store alone; any number of processes may work on it.
 */
import type { Family, IpAddress } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { WallClock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Store } from "../port/store.ts";
import { selectorMatcher } from "../selector/matcher.ts";
import type { Labels } from "../selector/selector.ts";
import { Affinities, type ReleaseCondition } from "./affinities.ts";
import { assign, readForAssignment } from "./assign.ts";
import { type AddressWant, assignAddress } from "./assign-address.ts";
import { BlockWriter } from "./block-writer.ts";
import { Lane } from "./lane.ts";
import type { AllowedUse } from "./pools.ts";
import { hostOwner, type Owner, ownerText } from "./records.ts";
import { type AddressRelease, releaseAddresses, releaseHandles } from "./release.ts";
import { type AssignDeps, type Assigned, laneKey, type Selection, type Want } from "./requests.ts";
import { ensureTunnelAddress, releaseTunnelAddress, type TunnelRequest } from "./tunnel-address.ts";

export interface IpamDeps {
  readonly store: Store;
  readonly wallClock: WallClock;
  readonly log: Log;
}

export interface AssignRequest extends Want {
  readonly family: Family;
  /** The node; undefined with `owner` for what belongs to no node. */
  readonly node: string;
  readonly use: AllowedUse;
  /** Pools by name or CIDR; their selectors do not count then. */
  readonly pools?: readonly string[] | undefined;
  readonly namespaceLabels?: Labels | undefined;
  readonly maxBlocksPerHost?: number | undefined;
}

export interface AssignAddressRequest extends Omit<AddressWant, "owner"> {
  readonly node: string;
}

export class Ipam {
  readonly #deps: AssignDeps;
  readonly #lanes = { 4: new Lane(), 6: new Lane() } as const;

  constructor(deps: IpamDeps) {
    const log = deps.log.child({ component: "ipam" });
    const affinities = new Affinities(deps);
    const writer = new BlockWriter(deps.store);
    const memory = { lastBlocks: new Map(), readAhead: new Map() };
    this.#deps = { ...deps, log, affinities, writer, matches: selectorMatcher(), ...memory };
  }

  /**
   * Begins to read for an assignment that will be asked for within the same call, beside the caller's own reads. What
   * is returned ends that: reads that were not used by then are forgotten.
   */
  readAhead({ node, family }: Pick<AssignRequest, "node" | "family">): () => void {
    const { readAhead } = this.#deps;
    const selection = { owner: hostOwner(node), family };
    const key = laneKey(selection);
    if (readAhead.has(key)) return () => undefined;
    const reads = readForAssignment(this.#deps, selection);
    // Whoever uses them sees the failure; unused ones may fail unseen.
    reads.catch(() => undefined);
    readAhead.set(key, reads);
    return () => {
      if (readAhead.get(key) === reads) readAhead.delete(key);
    };
  }

  /**
   * Up to `count` addresses for the handle. Throws IpamError where no pool is fit (`poolNotEnabled`, `noPools`,
   * `noQualifiedPool`); a shortfall is part of the answer, and what was assigned must be released by the caller.
   */
  autoAssign(request: AssignRequest): Promise<Assigned> {
    const { family, use, node, pools, namespaceLabels, maxBlocksPerHost, ...want } = request;
    const owner: Owner = use === "LoadBalancer" ? { type: "virtual", name: "load-balancer" } : hostOwner(node);
    const selection: Selection = { family, use, owner, requested: pools, namespaceLabels, maxBlocksPerHost };
    const key = JSON.stringify([use, ownerText(owner), pools, namespaceLabels, maxBlocksPerHost]);
    return this.#lanes[family].submit(key, want, (wants: readonly Want[]) => assign(this.#deps, selection, wants));
  }

  /** One address by name. Throws IpamError, see `assignAddress`. */
  async assignIp({ node, ...want }: AssignAddressRequest): Promise<void> {
    const lane = this.#lanes[typeof want.address === "number" ? 4 : 6];
    const key = `assignIp ${want.handleId} ${want.address}`;
    const owner = hostOwner(node);
    await lane.submit(key, want, (wants) => inTurn(wants, (each) => assignAddress(this.#deps, { ...each, owner })));
  }

  /** How many addresses the handle held; undefined when there is no such handle. */
  releaseByHandle(handleId: string): Promise<number | undefined> {
    return this.#lanes[4].submit("release", handleId, (handles: readonly string[]) =>
      releaseHandles(this.#deps, handles),
    );
  }

  /** Gives addresses back; those that were free already are returned. Throws IpamError for requests out of date. */
  releaseIps(releases: readonly AddressRelease[]): Promise<readonly IpAddress[]> {
    return releaseAddresses(this.#deps, releases);
  }

  /** The address of the node's tunnel device, undefined when no pool needs one. Idempotent. */
  ensureTunnelAddress(request: TunnelRequest): Promise<IpAddress | undefined> {
    return this.#lanes[4].submit(`tunnel ${request.kind} ${request.node}`, request, (requests) =>
      inTurn(requests, (each) => ensureTunnelAddress(this.#deps, each)),
    );
  }

  async releaseTunnelAddress(request: TunnelRequest): Promise<void> {
    const key = `no tunnel ${request.kind} ${request.node}`;
    await this.#lanes[4].submit(key, request, (requests) =>
      inTurn(requests, (each) => releaseTunnelAddress(this.#deps, each)),
    );
  }

  /** Gives a block of the node up; `refused` when the condition does not hold. */
  releaseAffinity(node: string, block: Prefix, condition?: ReleaseCondition): Promise<"released" | "refused" | "gone"> {
    return this.#deps.affinities.release(hostOwner(node), block, condition);
  }
}

async function inTurn<I, R>(items: readonly I[], work: (item: I) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}
