/**
 * Pools beside each other and over their blocks (`libcalico-go/lib/clientv3/ippool.go`). Calico deletes a pool that
 * still has addresses assigned and leaves them behind; here that is refused unless it is forced.
 */
import type { JsonObject } from "../../base/json.ts";
import { covers, overlaps, type Prefix, parsePrefix, tryParsePrefix } from "../../ip/prefix.ts";
import { Affinities } from "../../ipam/affinities.ts";
import type { Holder } from "../../ipam/block.ts";
import { readBlock } from "../../ipam/block-codec.ts";
import type { Owner } from "../../ipam/records.ts";
import { allReadable, type Stored } from "../../port/store.ts";
import { at, objectAt, textAt } from "../../resources/kinds/kind.ts";
import { describeKey, type FieldProblem, ResourceError, validationError } from "../../resources/problems.ts";
import type { KindRule, RuleContext } from "./rule.ts";

/** What is under way when a pool is disabled gets this long to finish. */
const SETTLE_MS = 500;

const keyOfPool = (pool: JsonObject) => ({ kind: "IPPool", name: textAt(pool, "metadata", "name") });

async function beforeCreate({ store }: RuleContext, pool: JsonObject): Promise<void> {
  const cidr = parsePrefix(textAt(pool, "spec", "cidr"));
  const { name } = keyOfPool(pool);
  const problems: FieldProblem[] = [];
  const objects = allReadable(await store.list({ kind: "IPPool" }));
  for (const other of objects) {
    const text = textAt(other.value, "spec", "cidr");
    const range = tryParsePrefix(text);
    if (other.key.name === name || !range || !overlaps(cidr, range)) continue;
    problems.push({
      path: ["spec", "cidr"],
      name: "IPPool.Spec.CIDR",
      value: textAt(pool, "spec", "cidr"),
      reason: `IPPool(${name}) CIDR overlaps with IPPool(${other.key.name}) CIDR ${text}`,
      remedy: `take a range that shares no address with ${text}, or delete ${other.key.name} first`,
    });
  }
  const size = Number(at(pool, "spec", "blockSize"));
  const odd = (await blocksIn({ store }, cidr)).find(({ prefix }) => prefix.length !== size);
  if (odd) {
    problems.push({
      path: ["spec", "blockSize"],
      name: "IPPool.Spec.BlockSize",
      value: size,
      reason: "IPPool blocksSize conflicts with existing allocations that use a different blockSize",
      remedy: `write blockSize: ${odd.prefix.length}, as block ${odd.stored.key.name} has`,
    });
  }
  if (problems.length > 0) throw validationError(keyOfPool(pool), problems);
}

interface FoundBlock {
  readonly prefix: Prefix;
  readonly stored: Stored;
}

async function blocksIn({ store }: Pick<RuleContext, "store">, cidr: Prefix): Promise<FoundBlock[]> {
  const objects = allReadable(await store.list({ kind: "IPAMBlock" }));
  return objects.flatMap((stored) => {
    const prefix = tryParsePrefix(stored.key.name);
    return prefix && overlaps(cidr, prefix) ? [{ prefix, stored }] : [];
  });
}

async function beforeDelete(context: RuleContext, stored: Stored, force: boolean): Promise<string | undefined> {
  const cidr = tryParsePrefix(textAt(stored.value, "spec", "cidr"));
  if (!cidr) {
    if (!force) refuseUnknown(stored);
    return undefined;
  }
  if (!force) refuseInUse(stored, await usersOf(context, cidr));
  const revision = await disable(context, stored);
  await context.pause(SETTLE_MS);
  if (!force) {
    const late = await usersOf(context, cidr);
    if (late.length > 0) await enableAgain(context, stored, revision);
    refuseInUse(stored, late);
  }
  await releaseAffinities(context, cidr);
  return revision;
}

/** What holds addresses of one block, once for each address. */
interface User {
  readonly holders: readonly Holder[];
}

/** Addresses of tunnels (their attributes have a type) do not count: agents give them back when the pool goes. */
async function usersOf(context: RuleContext, cidr: Prefix): Promise<User[]> {
  const blocks = (await blocksIn(context, cidr)).map(({ stored }) => readBlock(stored.value));
  return blocks.flatMap((block) => {
    if (!covers(cidr, block.cidr)) return [];
    const used = block.allocations.flatMap((index) => (index === null ? [] : (block.holders[index] ?? [])));
    const holders = used.filter(({ attributes }) => attributes["type"] === undefined);
    return holders.length > 0 ? [{ holders }] : [];
  });
}

const MAX_NAMED = 5;

function refuseInUse(pool: Stored, users: readonly User[]): void {
  if (users.length === 0) return;
  const holders = users.flatMap((user) => user.holders);
  const named = [...new Set(holders.map(({ attributes }) => holderText(attributes)))];
  const rest = named.length > MAX_NAMED ? ` and ${named.length - MAX_NAMED} more` : "";
  const object = describeKey(pool.key);
  throw new ResourceError(
    "inUse",
    `${object} still has ${holders.length === 1 ? "1 address" : `${holders.length} addresses`} assigned: ${named.slice(0, MAX_NAMED).join(", ")}${rest}`,
    {
      object,
      problems: [],
      remedy:
        "set disabled: true, move the pods to another pool, and delete it then; --force leaves them without a pool",
    },
  );
}

/** Its range is what would tell. */
function refuseUnknown(pool: Stored): never {
  const object = describeKey(pool.key);
  const message = `${object} has no range that can be read: whether pods have addresses of it is not known`;
  const remedy = "mend it, or delete it with --force: pods that have addresses of it keep them without a pool";
  throw new ResourceError("inUse", message, { object, problems: [], remedy });
}

function holderText(attributes: Readonly<Record<string, string>>): string {
  const { pod, namespace, node } = attributes;
  return pod === undefined ? `node ${node ?? "unknown"}` : `pod ${namespace ?? "default"}/${pod}`;
}

/** Gives the revision of the disabled pool. */
async function disable({ store }: RuleContext, pool: Stored): Promise<string> {
  const spec = objectAt(pool.value, "spec");
  if (spec["disabled"] === true) return pool.revision;
  const value = { ...pool.value, spec: { ...spec, disabled: true } };
  const result = await store.write([{ op: "update", key: pool.key, value, revision: pool.revision }]);
  if (result.ok) return result.stored[0]?.revision ?? pool.revision;
  throw new ResourceError("conflict", `update conflict: ${describeKey(pool.key)}`, {
    object: describeKey(pool.key),
    problems: [],
    remedy: "the pool was changed meanwhile; try again",
  });
}

async function enableAgain({ store }: RuleContext, pool: Stored, revision: string): Promise<void> {
  await store.write([{ op: "update", key: pool.key, value: pool.value, revision }]);
}

async function releaseAffinities(context: RuleContext, cidr: Prefix): Promise<void> {
  const affinities = new Affinities(context);
  const objects = allReadable(await context.store.list({ kind: "BlockAffinity" }));
  for (const { key } of objects) {
    const match = /^(host|virtual)\/([^/]+)\/(.+)$/.exec(key.name);
    const block = tryParsePrefix(match?.[3] ?? "");
    if (!match || !block || !covers(cidr, block)) continue;
    const owner: Owner = { type: match[1] === "host" ? "host" : "virtual", name: match[2] ?? "" };
    await affinities.release(owner, block);
  }
}

export const ipPoolRule: KindRule = { beforeCreate, beforeDelete };
