/**
 * Nodes: when one goes, what was its own goes with it: its pods' addresses and
 * endpoints, its blocks, its configurations and peers (`libcalico-go/lib/clientv3/node.go`).
 */
import type { JsonObject } from "../../base/json.ts";
import { tryParsePrefix } from "../../ip/prefix.ts";
import { Affinities } from "../../ipam/affinities.ts";
import { readBlock } from "../../ipam/block-codec.ts";
import { Ipam } from "../../ipam/ipam.ts";
import { affinityPrefix, hostOwner } from "../../ipam/records.ts";
import { allReadable, type Stored } from "../../port/store.ts";
import { textAt } from "../../resources/kinds/kind.ts";
import type { KindRule, RuleContext } from "./rule.ts";

async function beforeDelete(context: RuleContext, node: Stored): Promise<undefined> {
  const { name } = node.key;
  await releaseAddresses(context, name);
  await deleteWhere(context, "WorkloadEndpoint", (value) => textAt(value, "spec", "node") === name);
  await releaseBlocks(context, name);
  await deleteWhere(context, "BGPPeer", (value) => textAt(value, "spec", "node") === name);
  await deleteWhere(context, "HostEndpoint", (value) => textAt(value, "spec", "node") === name);
  const own = ["FelixConfiguration", "BGPConfiguration"].map((kind) => ({ kind, name: `node.${name}` }));
  for (const key of own) await context.store.write([{ op: "delete", key }]);
  return undefined;
}

/** Every address that the node's pods and tunnels hold, in its own blocks and in others'. */
async function releaseAddresses(context: RuleContext, node: string): Promise<void> {
  const objects = allReadable(await context.store.list({ kind: "IPAMBlock" }));
  const handles = new Set<string>();
  for (const { value } of objects) {
    for (const { handleId, attributes } of readBlock(value).holders) {
      if (handleId !== null && attributes["node"] === node) handles.add(handleId);
    }
  }
  const ipam = new Ipam(context);
  for (const handle of handles) await ipam.releaseByHandle(handle);
}

async function releaseBlocks(context: RuleContext, node: string): Promise<void> {
  const affinities = new Affinities(context);
  const owner = hostOwner(node);
  const prefix = affinityPrefix(owner);
  const objects = allReadable(await context.store.list({ kind: "BlockAffinity", namePrefix: prefix }));
  for (const { key } of objects) {
    const block = tryParsePrefix(key.name.slice(prefix.length));
    if (block) await affinities.release(owner, block);
  }
}

async function deleteWhere(context: RuleContext, kind: string, is: (value: JsonObject) => boolean): Promise<void> {
  const objects = allReadable(await context.store.list({ kind }));
  for (const { key, value } of objects) {
    if (is(value)) await context.store.write([{ op: "delete", key }]);
  }
}

export const nodeRule: KindRule = { beforeDelete };
