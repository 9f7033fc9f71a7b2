/**
 * The address of a node's tunnel device, from the node's own block: assigned before any pod, it is the block's first.
 * Kept while it is right, replaced when its pool no longer fits, given back when no pool needs the tunnel.
 */
import type { IpAddress } from "../ip/address.ts";
import { contains, tryParsePrefix } from "../ip/prefix.ts";
import { assign } from "./assign.ts";
import { type AddressWant, assignAddress } from "./assign-address.ts";
import { addressAt, ordinalsOf } from "./block.ts";
import { readStoredBlock } from "./block-writer.ts";
import { IpamError } from "./errors.ts";
import { type Pool, selects } from "./pools.ts";
import { blockKey, handleKey, hostOwner, readHandle } from "./records.ts";
import { releaseHandles } from "./release.ts";
import type { AssignDeps } from "./requests.ts";
import { readNodeLabels, readPools } from "./view.ts";

type TunnelKind = "vxlan" | "ipip";

export interface TunnelRequest {
  readonly node: string;
  readonly kind: TunnelKind;
  /** What the node's resource says it is now: taken again if address management has lost it. */
  readonly current?: IpAddress | undefined;
}

const tunnelHandle = ({ node, kind }: TunnelRequest): string => `${kind}-tunnel-addr-${node}`;

const TYPE: Record<TunnelKind, string> = { vxlan: "vxlanTunnelAddress", ipip: "ipipTunnelAddress" };

/** Enabled IPv4 pools that encapsulate so, allow tunnels and select the node. */
async function tunnelPools(deps: AssignDeps, request: TunnelRequest): Promise<readonly Pool[]> {
  const [pools, labels] = await Promise.all([readPools(deps.store), readNodeLabels(deps.store, request.node)]);
  return pools.filter(
    (pool) =>
      pool.family === 4 &&
      pool.isEnabled &&
      (request.kind === "vxlan" ? pool.vxlanMode : pool.ipipMode) !== "Never" &&
      pool.allowedUses.includes("Tunnel") &&
      selects(pool, { node: { name: request.node, labels } }, deps.matches),
  );
}

/**
 * The tunnel's address, the same as long as it fits; undefined when no pool needs one (what was held is given back).
 * Throws IpamError `exhausted`, and StoreError.
 */
export async function ensureTunnelAddress(deps: AssignDeps, request: TunnelRequest): Promise<IpAddress | undefined> {
  const handleId = tunnelHandle(request);
  const pools = await tunnelPools(deps, request);
  const held = await heldAddresses(deps, request);
  const fitting = held.find((address) => pools.some((pool) => contains(pool.cidr, address)));
  if (fitting !== undefined && held.length === 1) return fitting;
  if (held.length > 0 || (await deps.store.get(handleKey(handleId)))) await releaseHandles(deps, [handleId]);
  if (pools.length === 0) return undefined;
  const attributes = { node: request.node, type: TYPE[request.kind] };
  const owner = hostOwner(request.node);
  const { current } = request;
  if (current !== undefined && pools.some((pool) => contains(pool.cidr, current))) {
    if (await takeAgain(deps, { owner, address: current, use: "Tunnel", handleId, attributes })) return current;
  }
  const requested = pools.map((pool) => pool.name).sort();
  const [result] = await assign(deps, { owner, family: 4, use: "Tunnel", requested }, [
    { handleId, attributes, count: 1 },
  ]);
  const address = result?.addresses[0]?.address;
  if (address !== undefined) return address;
  throw new IpamError(
    "exhausted",
    `no tunnel address for node ${request.node}: ${result?.shortfall?.message ?? "no address is free"}`,
    { subject: request.node },
  );
}

/** Whether the address could be had; false when it belongs to somebody else by now. */
async function takeAgain(deps: AssignDeps, want: AddressWant): Promise<boolean> {
  try {
    await assignAddress(deps, want);
    return true;
  } catch (failure) {
    if (failure instanceof IpamError && failure.code !== "contention") return false;
    throw failure;
  }
}

/** Gives the tunnel's address back; nothing happens when there is none. */
export async function releaseTunnelAddress(deps: AssignDeps, request: TunnelRequest): Promise<void> {
  await releaseHandles(deps, [tunnelHandle(request)]);
}

/** What the tunnel's handle holds, with the attributes that a tunnel's address has. */
async function heldAddresses(deps: AssignDeps, request: TunnelRequest): Promise<readonly IpAddress[]> {
  const handleId = tunnelHandle(request);
  const record = await deps.store.get(handleKey(handleId));
  const blocks = await Promise.all(
    [...(record ? readHandle(record.value).keys() : [])].map(async (name) => {
      const cidr = tryParsePrefix(name);
      const stored = cidr && (await deps.store.get(blockKey(cidr)));
      return stored ? [readStoredBlock(stored).block] : [];
    }),
  );
  return blocks.flat().flatMap((block) => ordinalsOf(block, handleId).map((ordinal) => addressAt(block.cidr, ordinal)));
}
