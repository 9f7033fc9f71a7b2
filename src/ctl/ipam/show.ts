/** ipam show: how full pools and blocks are, who uses an address, what is borrowed, how assignment is set up. */
import type { Json, JsonObject } from "../../base/json.ts";
import { formatAddress, type IpAddress, widthOf } from "../../ip/address.ts";
import {
  comparePrefixes,
  contains,
  covers,
  formatPrefix,
  type Prefix,
  prefixFamily,
  tryParsePrefix,
} from "../../ip/prefix.ts";
import { addressAt, type Block, blockSizeOf, type Holder, holderAt, ordinalOf } from "../../ipam/block.ts";
import { readBlock } from "../../ipam/block-codec.ts";
import { readSettings, SETTINGS_KEY } from "../../ipam/records.ts";
import { allReadable, type Store } from "../../port/store.ts";
import { isPlainObject } from "../../resources/check.ts";
import { textAt } from "../../resources/kinds/kind.ts";
import { fiveDigits, wholeNumber } from "../output/go-number.ts";
import { boxedTable } from "../output/table.ts";

async function readBlocks(store: Store): Promise<Block[]> {
  const objects = allReadable(await store.list({ kind: "IPAMBlock" }));
  return objects.map(({ value }) => readBlock(value)).sort((a, b) => comparePrefixes(a.cidr, b.cidr));
}

const inUse = (block: Block): number => block.allocations.filter((index) => index !== null).length;

/** Pools in the order of their names, each with its blocks when asked; blocks of no pool come last. */
export async function showUtilization(store: Store, withBlocks: boolean): Promise<string> {
  const objects = allReadable(await store.list({ kind: "IPPool" }));
  const pools = objects.flatMap(({ value }) => tryParsePrefix(textAt(value, "spec", "cidr")) ?? []);
  const blocks = await readBlocks(store);
  const poolOf = (block: Block): Prefix | undefined => pools.find((pool) => covers(pool, block.cidr));
  const rows = pools.flatMap((pool) => {
    const own = blocks.filter((block) => poolOf(block) === pool);
    const used = own.reduce((sum, block) => sum + inUse(block), 0);
    const capacity = 2 ** (widthOf(prefixFamily(pool)) - pool.length);
    return [useRow("IP Pool", pool, used, capacity), ...(withBlocks ? own.map(blockRow) : [])];
  });
  const orphans = withBlocks ? blocks.filter((block) => poolOf(block) === undefined).map(blockRow) : [];
  return boxedTable(["GROUPING", "CIDR", "IPS TOTAL", "IPS IN USE", "IPS FREE"], [...rows, ...orphans]);
}

const blockRow = (block: Block): readonly string[] =>
  useRow("Block", block.cidr, inUse(block), blockSizeOf(block.cidr));

function useRow(grouping: string, cidr: Prefix, used: number, capacity: number): readonly string[] {
  const part = (count: number): string => `${fiveDigits(count)} (${wholeNumber((100 * count) / capacity)}%)`;
  return [grouping, formatPrefix(cidr), fiveDigits(capacity), part(used), part(capacity - used)];
}

/** Addresses that another node uses than the block's owner. */
export async function showBorrowed(store: Store): Promise<string> {
  const rows: (readonly string[])[] = [];
  let unknown = 0;
  for (const block of await readBlocks(store)) {
    const owner = block.affinity?.replace(/^[^:]*:/, "") ?? "";
    for (const ordinal of block.allocations.keys()) {
      const holder = holderAt(block, ordinal);
      if (!holder) continue;
      const { node } = holder.attributes;
      if (node === undefined) unknown++;
      else if (node !== owner) rows.push(borrowedRow(block, ordinal, holder, owner));
    }
  }
  const table = boxedTable(["IP", "BORROWING-NODE", "BLOCK", "BLOCK OWNER", "TYPE", "ALLOCATED-TO"], rows);
  if (unknown === 0) return table;
  return `${table}\nNote: found ${unknown} IP allocations without an explicit node association. Unable to determine if they are borrowed.\n`;
}

function borrowedRow(block: Block, ordinal: number, { attributes }: Holder, owner: string): readonly string[] {
  const { node = "", pod, namespace = "", type = "" } = attributes;
  const address = formatAddress(addressAt(block.cidr, ordinal));
  const use = pod === undefined ? [type, ""] : ["pod", `${namespace}/${pod}`];
  return [address, node, formatPrefix(block.cidr), owner, ...use];
}

/** Who holds an address. */
export async function showAddress(store: Store, address: IpAddress): Promise<string> {
  const block = (await readBlocks(store)).find(({ cidr }) => contains(cidr, address));
  const holder = block && holderAt(block, ordinalOf(block.cidr, address));
  const text = formatAddress(address);
  if (!holder) return `${text} is not assigned\n`;
  const lines = [`IP ${text} is in use`, `Handle ID: ${holder.handleId ?? "<none>"}`];
  const own = attributeLines(holder.attributes);
  lines.push(...(own.length > 0 ? ["Active Owner Attributes:", ...own] : ["No Active Owner attributes defined"]));
  const alternate = holder.others["alternateOwnerAttrs"];
  if (isPlainObject(alternate) && Object.keys(alternate).length > 0)
    lines.push("Alternate Owner Attributes:", ...attributeLines(alternate));
  return `${lines.join("\n")}\n`;
}

const attributeLines = (attributes: Readonly<Record<string, Json>>): string[] =>
  Object.entries(attributes)
    .map(([key, value]) => `  ${key}: ${value}`)
    .sort();

export async function showConfiguration(store: Store): Promise<string> {
  const value: JsonObject = (await store.get(SETTINGS_KEY))?.value ?? {};
  const { strictAffinity, autoAllocateBlocks, maxBlocksPerHost } = readSettings(value);
  const persistence = value["kubeVirtVMAddressPersistence"] ?? "Enabled";
  return boxedTable(
    ["PROPERTY", "VALUE"],
    [
      ["StrictAffinity", String(strictAffinity)],
      ["AutoAllocateBlocks", String(autoAllocateBlocks)],
      ["MaxBlocksPerHost", String(maxBlocksPerHost)],
      ["KubeVirtVMAddressPersistence", String(persistence)],
    ],
  );
}
