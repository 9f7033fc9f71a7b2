/**
 * Whether this node needs an address on each tunnel device, and the Node resource kept in step with address
 * management. IPv4 only, as the devices are.
 */
import { messageOf } from "../base/errors.ts";
import { objectOf } from "../base/json-fields.ts";
import { type IpAddress, tryParseAddress } from "../ip/address.ts";
import { contains } from "../ip/prefix.ts";
import { IpamError } from "../ipam/errors.ts";
import { type Pool, readPool, selects } from "../ipam/pools.ts";
import type { Log } from "../port/log.ts";
import type { Store, Stored } from "../port/store.ts";
import type { SelectorMatcher } from "../selector/matcher.ts";
import type { Labels } from "../selector/selector.ts";
import { type TunnelKind, tunnelAddressText, withTunnelAddresses } from "./node-object.ts";
import { ensure } from "./objects.ts";

const tunnelKinds: readonly TunnelKind[] = ["ipip", "vxlan"];

export interface TunnelNeed {
  readonly kind: TunnelKind;
  /**
   * `assign`: an enabled pool encapsulates so and selects the node. `keep`: none does, but one encapsulates so and holds
   * the address: it was disabled or selects other nodes now, and what it has assigned still runs. `release`: neither.
   */
  readonly need: "assign" | "keep" | "release";
  /** Names of the pools that decide it. */
  readonly pools: readonly string[];
}

export interface TunnelNode {
  readonly name: string;
  readonly labels: Labels;
  /** As the Node resource has them. */
  readonly current: Readonly<Partial<Record<TunnelKind, IpAddress>>>;
}

/** Pure. */
export function tunnelAddressNeeds(
  pools: readonly Pool[],
  node: TunnelNode,
  matches: SelectorMatcher,
): readonly TunnelNeed[] {
  return tunnelKinds.map((kind) => {
    const encapsulating = pools.filter(
      (pool) => pool.family === 4 && pool[kind === "ipip" ? "ipipMode" : "vxlanMode"] !== "Never",
    );
    const fit = encapsulating.filter(
      (pool) =>
        pool.isEnabled &&
        pool.allowedUses.includes("Tunnel") &&
        selects(pool, { node: { name: node.name, labels: node.labels } }, matches),
    );
    if (fit.length > 0) return { kind, need: "assign", pools: fit.map(({ name }) => name) };
    const current = node.current[kind];
    const holders = current === undefined ? [] : encapsulating.filter(({ cidr }) => contains(cidr, current));
    return { kind, need: holders.length > 0 ? "keep" : "release", pools: holders.map(({ name }) => name) };
  });
}

/** Address management, as far as tunnels need it (`Ipam`). */
export interface TunnelIpam {
  /** The address, the same as long as it fits; undefined when no pool needs one (it is given back). Throws IpamError. */
  ensureTunnelAddress(request: {
    readonly node: string;
    readonly kind: TunnelKind;
    readonly current?: IpAddress | undefined;
  }): Promise<IpAddress | undefined>;
}

export interface TunnelDeps {
  readonly store: Store;
  readonly ipam: TunnelIpam;
  readonly matches: SelectorMatcher;
  /** Whether others may still send to this node so, while no pool says so any more: the address stays. */
  readonly receives: (kind: TunnelKind) => boolean;
  readonly log: Log;
}

export interface TunnelOutcome {
  readonly addresses: Readonly<Partial<Record<TunnelKind, IpAddress>>>;
  /** What kept a kind from having its address; the others have theirs. */
  readonly problems: readonly string[];
}

/**
 * Brings the tunnel addresses of the node in step with the pools; the agent calls it at its start and whenever pools or
 * its own Node change. One call at a time. Throws StoreError.
 */
export async function reconcileTunnelAddresses(deps: TunnelDeps, node: string): Promise<TunnelOutcome> {
  const { store, ipam, log } = deps;
  const key = { kind: "Node", name: node };
  const [stored, pools] = await Promise.all([store.get(key), store.list({ kind: "IPPool" })]);
  if (!stored) return { addresses: {}, problems: [`Node(${node}) does not exist yet`] };
  const own = tunnelNode(stored);
  const needs = tunnelAddressNeeds(
    pools.objects.flatMap(({ value }) => readPool(value) ?? []),
    own,
    deps.matches,
  );
  const addresses = new Map<TunnelKind, IpAddress | undefined>();
  const problems = pools.unreadable.map(({ why }) => why);
  // An address may be of a pool that cannot be read: who has one keeps it.
  const isUncertain = problems.length > 0;
  for (const { kind, need } of needs) {
    const current = own.current[kind];
    const isLeft = need === "release" && deps.receives(kind);
    if (need === "keep" || isLeft || (isUncertain && current !== undefined)) {
      addresses.set(kind, current);
      continue;
    }
    try {
      addresses.set(kind, await ipam.ensureTunnelAddress({ node, kind, current }));
    } catch (failure) {
      if (!(failure instanceof IpamError)) throw failure;
      problems.push(messageOf(failure));
      addresses.set(kind, current);
    }
  }
  const written = await ensure(store, key, (value) => value && withTunnelAddresses(value, addresses));
  if (written && written.revision !== stored.revision) {
    log.info("the tunnel addresses changed", { node, was: textsOf(stored), now: textsOf(written) });
  }
  const had = [...addresses].flatMap(([kind, address]) => (address === undefined ? [] : [[kind, address] as const]));
  return { addresses: Object.fromEntries(had), problems };
}

function tunnelNode({ key, value }: Stored): TunnelNode {
  const current = tunnelKinds.flatMap((kind) => {
    const address = tryParseAddress(tunnelAddressText(value, kind) ?? "");
    return address === undefined ? [] : [[kind, address] as const];
  });
  const labels = Object.entries(objectOf(objectOf(value["metadata"])["labels"]));
  return {
    name: key.name,
    labels: Object.fromEntries(labels.map(([name, text]) => [name, String(text)])),
    current: Object.fromEntries(current),
  };
}

const textsOf = ({ value }: Stored): Readonly<Record<string, string>> =>
  Object.fromEntries(tunnelKinds.map((kind) => [kind, tunnelAddressText(value, kind) ?? "none"]));
