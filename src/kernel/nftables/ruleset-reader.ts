/** Reads tables out of the kernel, in slices. */
import { beginMessage, endMessage, Flag, type Message } from "../../netlink/message.ts";
import { MessageType, type TableFamily } from "../../netlink/nftables/codes.ts";
import {
  type ElementShape,
  type Entry,
  entriesOf,
  type RawElement,
  readElements,
} from "../../netlink/nftables/element-codec.ts";
import {
  type DecodedChain,
  type DecodedSet,
  decodeChain,
  decodeElements,
  decodeGeneration,
  decodeRule,
  decodeSet,
  decodeTable,
} from "../../netlink/nftables/object-decoder.ts";
import {
  writeElementListHead,
  writeFamily,
  writeRulesOf,
  writeSetName,
} from "../../netlink/nftables/object-encoder.ts";
import {
  type NftChain,
  type NftMap,
  type NftRule,
  type NftSet,
  type NftTable,
  type TableKey,
  tableName,
} from "../../netlink/nftables/tree.ts";
import type { Clock } from "../../port/clock.ts";
import type { Netlink } from "../../port/netlink.ts";
import type { Writer } from "../../wire/writer.ts";
import { failed } from "../lane.ts";
import { NetlinkChannel } from "../request.ts";
import { TurnBudget } from "../turn-budget.ts";
import { inTurns } from "./in-turns.ts";
import type { NftCalled } from "./ruleset.ts";

const EBADMSG = 74;

interface Request {
  readonly type: number;
  readonly family?: TableFamily;
  /** For errors. */
  readonly subject: string;
  readonly body?: (writer: Writer) => void;
}

export class RulesetReader {
  readonly #channel: NetlinkChannel;
  readonly #budget: TurnBudget;
  readonly #called: NftCalled;

  /** The budget is shared with whoever works on what is read in the same turn. */
  constructor(
    netlink: Netlink,
    clock: Clock,
    { budget = new TurnBudget(clock), called = () => undefined }: { budget?: TurnBudget; called?: NftCalled } = {},
  ) {
    this.#channel = new NetlinkChannel(netlink, "netfilter", clock);
    this.#budget = budget;
    this.#called = called;
  }

  /** The generation that the ruleset is in. Throws KernelError. */
  generation(): number {
    let generation: number | undefined;
    const about = { call: "get", subject: "the generation of the ruleset" };
    const failures = this.#channel.execute({
      count: 1,
      encode: (writer) => encode(writer, { type: MessageType.getGeneration, subject: about.subject }, Flag.request),
      about: () => about,
      answer: (_index, { payload }) => {
        generation = decodeGeneration(payload);
      },
    });
    const failure = failures.get(0);
    if (failure) throw failure;
    if (generation === undefined) throw failed(EBADMSG, about, "it is missing");
    return generation;
  }

  /** The names of all tables. Throws KernelError. */
  async tables(): Promise<readonly TableKey[]> {
    const found = await this.#list({ type: MessageType.getTable, subject: "tables" }, decodeTable);
    return found.flatMap(({ family, name }) => (family ? [{ family, name }] : []));
  }

  /** All chains of all tables, without their rules. Throws KernelError. */
  chains(): Promise<readonly DecodedChain[]> {
    return this.#list({ type: MessageType.getChain, subject: "chains" }, decodeChain);
  }

  /** One table with everything in it, undefined when there is none. Throws KernelError; ENOENT when it vanishes meanwhile. */
  async table(key: TableKey): Promise<NftTable | undefined> {
    const { family, name } = key;
    const isOurs = (found: { family: TableFamily | undefined; table: string }) =>
      found.family === family && found.table === name;
    const tables = await this.#list({ type: MessageType.getTable, family, subject: "tables" }, decodeTable);
    const table = tables.find((found) => found.family === family && found.name === name);
    if (!table) return undefined;
    const chainsRequest = { type: MessageType.getChain, family, subject: `chains of table ${tableName(key)}` };
    const chains = (await this.#list(chainsRequest, decodeChain)).filter(isOurs);
    const rules = await this.#rulesByChain(key);
    const setsRequest = { type: MessageType.getSet, family, subject: `sets of table ${tableName(key)}` };
    const setsBody = (writer: Writer) => writeSetName(writer, name);
    const sets = (await this.#list({ ...setsRequest, body: setsBody }, decodeSet)).filter(isOurs);
    const named = sets.filter(({ isAnonymous }) => !isAnonymous);
    const read = await this.#sets(key, named);
    const foreign = {
      sets: named.filter(({ shape }) => !shape).map((set) => set.name),
      chains: chains.filter(({ base }) => base === "foreign").map((chain) => chain.name),
    };
    return {
      family,
      name,
      ...(table.comment === undefined ? {} : { comment: table.comment }),
      ...read,
      chains: chains
        .filter(({ base }) => base !== "foreign")
        .map((chain) => chainOf(chain, rules.get(chain.name) ?? [])),
      ...(foreign.sets.length + foreign.chains.length > 0 ? { foreign } : {}),
    };
  }

  async #rulesByChain({ family, name }: TableKey): Promise<ReadonlyMap<string, NftRule[]>> {
    const request = { type: MessageType.getRule, family, subject: `rules of table ${family} ${name}` };
    const found = await this.#list({ ...request, body: (writer) => writeRulesOf(writer, name) }, decodeRule);
    const byChain = new Map<string, NftRule[]>();
    for (const { table, chain, rule, ...rest } of found) {
      if (table !== name || rest.family !== family) continue;
      const rules = byChain.get(chain);
      if (rules) rules.push(rule);
      else byChain.set(chain, [rule]);
    }
    return byChain;
  }

  async #sets(key: TableKey, decoded: readonly DecodedSet[]): Promise<{ sets: NftSet[]; maps: NftMap[] }> {
    const sets: NftSet[] = [];
    const maps: NftMap[] = [];
    for (const { shape } of decoded) {
      if (!shape) continue;
      const { data, ...kind } = shape;
      const entries = await this.#elements(key, shape);
      if (data === undefined) sets.push({ ...kind, elements: entries.map(([text]) => text) });
      else maps.push({ ...kind, data, elements: entries.map(([text, value = ""]) => [text, value] as const) });
    }
    return { sets, maps };
  }

  async #elements({ family, name }: TableKey, shape: ElementShape): Promise<readonly Entry[]> {
    let raw: RawElement[] = [];
    await this.#dump(
      {
        type: MessageType.getElements,
        family,
        subject: `elements of set ${shape.name} in table ${family} ${name}`,
        body: (writer) => writeElementListHead(writer, name, shape.name),
      },
      () => {
        raw = [];
      },
      ({ payload }) => {
        const { view } = decodeElements(payload);
        readElements(view, 0, view.byteLength, shape, raw);
      },
    );
    return inTurns(this.#budget, entriesOf(shape, raw));
  }

  async #list<T>(request: Request, decode: (payload: Uint8Array) => T): Promise<T[]> {
    let found: T[] = [];
    await this.#dump(
      request,
      () => {
        found = [];
      },
      ({ payload }) => {
        found.push(decode(payload));
      },
    );
    return found;
  }

  async #dump(request: Request, restart: () => void, visit: (message: Message) => void): Promise<void> {
    let isGood = false;
    try {
      await this.#channel.dump({
        encode: (writer) => encode(writer, request, Flag.request | Flag.dump),
        about: { call: "list", subject: request.subject },
        restart,
        visit,
      });
      isGood = true;
    } finally {
      this.#called("list", isGood);
    }
  }

  /** Idempotent. */
  close(): void {
    this.#channel.close();
  }
}

function encode(writer: Writer, { type, family, body }: Request, flags: number): void {
  const at = beginMessage(writer, type, flags);
  writeFamily(writer, family);
  body?.(writer);
  endMessage(writer, at);
}

function chainOf({ name, base, comment }: DecodedChain, rules: readonly NftRule[]): NftChain {
  return {
    name,
    ...(base && base !== "foreign" ? { base } : {}),
    ...(comment === undefined ? {} : { comment }),
    rules,
  };
}
