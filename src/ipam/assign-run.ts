/** One pass over the blocks for the requests of a batch: own blocks, new ones, borrowed ones. */
import { formatPrefix, type InterfaceAddress, type Prefix } from "../ip/prefix.ts";
import type { Stored, WriteOp } from "../port/store.ts";
import type { Affinity } from "./affinities.ts";
import { assignNext, type Block, type Reserved } from "./block.ts";
import {
  MAX_OBJECTS_PER_WRITE,
  RETRIES,
  readStoredBlock,
  type StoredBlock,
  type WrittenBlock,
} from "./block-writer.ts";
import { type Blocks, readBlocks } from "./blocks.ts";
import { isDamage } from "./errors.ts";
import { borrowable, findFreeCidr, reclaimable, type SearchContext } from "./find-block.ts";
import type { Pool } from "./pools.ts";
import {
  type AffinityState,
  blockKey,
  DEFAULT_MAX_BLOCKS_PER_HOST,
  hostOwner,
  type Owner,
  ownerText,
} from "./records.ts";
import { type AssignDeps, type Assigned, laneKey, type Selection, type Shortfall, type Want } from "./requests.ts";
import type { IpamView } from "./view.ts";

/** A request under way. */
interface Open {
  readonly want: Want;
  readonly addresses: InterfaceAddress[];
  recorded: Stored | undefined;
}

const missing = ({ want, addresses }: Open): number => want.count - addresses.length;

export class AssignRun {
  readonly #deps: AssignDeps;
  readonly #selection: Selection;
  readonly #view: IpamView;
  readonly #pools: readonly Pool[];
  readonly #requests: readonly Open[];
  #shortfall: Shortfall | undefined;

  constructor(deps: AssignDeps, selection: Selection, view: IpamView, pools: readonly Pool[], wants: readonly Want[]) {
    this.#deps = deps;
    this.#selection = selection;
    this.#view = view;
    this.#pools = pools;
    this.#requests = wants.map((want) => ({ want, addresses: [], recorded: undefined }));
  }

  results(): readonly Assigned[] {
    const shortfall = this.#shortfall;
    return this.#requests.map((request) => ({
      addresses: request.addresses,
      ...(request.recorded ? { recorded: request.recorded } : {}),
      ...(missing(request) > 0 && shortfall ? { shortfall } : {}),
    }));
  }

  /** `ahead`: a block read together with the affinities, most likely the one that is needed. */
  async serve(mine: readonly Affinity[], ahead: Stored | undefined): Promise<void> {
    const { settings } = this.#view;
    const { owner } = this.#selection;
    for (const { cidr, state } of mine) {
      if (this.#isDone()) return;
      const block = await this.#ownBlock(cidr, state, ahead);
      if (block) await this.#fill(block, true);
    }
    const limit = blockLimit(settings.maxBlocksPerHost, this.#selection.maxBlocksPerHost ?? 0);
    for (let blocks = mine.length; !this.#isDone(); blocks++) {
      if (blocks >= limit) {
        this.#shortfall = {
          code: "blockLimit",
          message: `cannot allocate new block due to per host block limit: ${owner.name} has ${blocks} blocks in the pools it may use, the limit is ${limit} (maxBlocksPerHost)`,
        };
        return;
      }
      const block = settings.autoAllocateBlocks ? await this.#newBlock() : undefined;
      if (!block) break;
      await this.#fill(block, true);
    }
    if (!this.#isDone() && !settings.strictAffinity) await this.#borrow();
    if (!this.#isDone()) this.#shortfall = this.#exhausted();
  }

  /** A block that the owner has an affinity for; undefined when it is another's after all, or damaged. */
  async #ownBlock(cidr: Prefix, state: AffinityState, ahead: Stored | undefined): Promise<StoredBlock | undefined> {
    const { affinities, store, log } = this.#deps;
    const { owner } = this.#selection;
    try {
      const isAhead = ahead?.key.name === formatPrefix(cidr);
      const stored = state !== "confirmed" ? undefined : isAhead ? ahead : await store.get(blockKey(cidr));
      const found = stored && readStoredBlock(stored);
      return found?.block.affinity === ownerText(owner) ? found : await affinities.claim(owner, cidr);
    } catch (failure) {
      if (!isDamage(failure)) throw failure;
      log.warn("a damaged block of this node is left alone", { block: formatPrefix(cidr) }, failure);
      return undefined;
    }
  }

  #isDone(): boolean {
    return this.#requests.every((request) => missing(request) <= 0);
  }

  /** Takes what is needed from a block; a block that changes under us is read again. */
  async #fill(first: StoredBlock, mustBeOurs: boolean): Promise<void> {
    let current: StoredBlock | undefined = first;
    for (let attempt = 0; current && attempt < RETRIES; ) {
      if (mustBeOurs && current.block.affinity !== ownerText(this.#selection.owner)) return;
      const step = take(current.block, this.#requests, this.#view.reserved);
      if (step.countByHandle.size === 0) return;
      const { block: after, countByHandle, records } = step;
      const change = { before: current, after, countByHandle, records: [...records.values()] };
      const outcome: WrittenBlock | "deleted" | "conflict" = await this.#deps.writer.write(change);
      if (outcome === "conflict" || outcome === "deleted") {
        attempt++;
        const stored = await this.#deps.store.get(blockKey(current.block.cidr));
        current = stored && readStoredBlock(stored);
        continue;
      }
      for (const [request, addresses] of step.taken) request.addresses.push(...addresses);
      for (const [index, request] of [...records.keys()].entries()) request.recorded = outcome.records[index];
      if (mustBeOurs) this.#deps.lastBlocks.set(laneKey(this.#selection), outcome.block.cidr);
      if (this.#isDone()) return;
      current = outcome;
    }
  }

  #context(): SearchContext {
    const { owner } = this.#selection;
    const seed = BigInt(this.#deps.wallClock.now().getTime());
    return { host: owner.name, owner: ownerText(owner), reserved: this.#view.reserved, seed };
  }

  /** Claims the next free block, or one that another host left empty; undefined when there is neither. */
  async #newBlock(): Promise<StoredBlock | undefined> {
    const { affinities, store, log } = this.#deps;
    const { owner, family } = this.#selection;
    const refused = new Set<string>();
    for (let attempt = 0; attempt < RETRIES; attempt++) {
      const blocks = await readBlocks(store, family, log);
      const context = this.#context();
      const cidr = findFreeCidr(this.#pools, blocks, context);
      if (cidr) {
        const block = await affinities.claim(owner, cidr);
        if (block) return block;
        continue;
      }
      const idle = this.#idleBlock(blocks, refused);
      if (!idle?.affinity) return undefined;
      const { sequenceNumber } = idle;
      const was: Owner = hostOwner(idle.affinity.slice("host:".length));
      const outcome = await affinities.release(was, idle.cidr, { requireEmpty: true, sequenceNumber });
      if (outcome !== "released") refused.add(formatPrefix(idle.cidr));
      log.info("an idle block of another node is taken over", {
        block: formatPrefix(idle.cidr),
        node: was.name,
        outcome,
      });
    }
    return undefined;
  }

  #idleBlock(blocks: Blocks, refused: ReadonlySet<string>): Block | undefined {
    const nowMs = this.#deps.wallClock.now().getTime();
    for (const block of reclaimable(this.#pools, blocks, this.#context(), nowMs)) {
      if (!refused.has(formatPrefix(block.cidr))) return block;
    }
    return undefined;
  }

  async #borrow(): Promise<void> {
    const blocks = await readBlocks(this.#deps.store, this.#selection.family, this.#deps.log);
    for (const block of borrowable(this.#pools, blocks, this.#context())) {
      if (this.#isDone()) return;
      await this.#fill(block, false);
    }
  }

  #exhausted(): Shortfall {
    const { settings } = this.#view;
    const pools = this.#pools.map((pool) => `${pool.name} (${formatPrefix(pool.cidr)})`).join(", ");
    const why = [
      ...(settings.autoAllocateBlocks ? [] : ["autoAllocateBlocks is false, so no block is claimed"]),
      ...(settings.strictAffinity ? ["strictAffinity is true, so nothing is borrowed from other nodes"] : []),
    ];
    return {
      code: "exhausted",
      message: `no free address in ${pools}${why.length > 0 ? `; ${why.join("; ")}` : ""}; add a pool or free addresses`,
    };
  }
}

const blockLimit = (global: number, perRequest: number): number => {
  const limits = [global, perRequest].filter((limit) => limit > 0);
  return limits.length > 0 ? Math.min(...limits) : DEFAULT_MAX_BLOCKS_PER_HOST;
};

interface Step {
  readonly block: Block;
  readonly taken: ReadonlyMap<Open, readonly InterfaceAddress[]>;
  readonly countByHandle: ReadonlyMap<string, number>;
  readonly records: ReadonlyMap<Open, WriteOp>;
}

/** As many of the requests as the block has room for, and one write may name. */
function take(block: Block, requests: readonly Open[], reserved: Reserved): Step {
  let current = block;
  const taken = new Map<Open, readonly InterfaceAddress[]>();
  const countByHandle = new Map<string, number>();
  const records = new Map<Open, WriteOp>();
  for (const request of requests) {
    if (missing(request) <= 0) continue;
    if (countByHandle.size + records.size >= MAX_OBJECTS_PER_WRITE - 2) break;
    const { handleId, attributes, record, count } = request.want;
    const holder = { handleId, attributes, others: {} };
    const step = assignNext(current, missing(request), holder, reserved);
    if (step.addresses.length === 0) break;
    current = step.block;
    taken.set(request, step.addresses);
    countByHandle.set(handleId, (countByHandle.get(handleId) ?? 0) + step.addresses.length);
    if (record && step.addresses.length === count) records.set(request, record(step.addresses));
  }
  return { block: current, taken, countByHandle, records };
}
