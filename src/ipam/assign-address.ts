/** AssignIP: one address by name. Reservations do not count here; pools do. */
import { formatAddress, type IpAddress } from "../ip/address.ts";
import { formatPrefix, prefixOf } from "../ip/prefix.ts";
import { assignOrdinal, ordinalOf } from "./block.ts";
import { RETRIES, readStoredBlock, type StoredBlock } from "./block-writer.ts";
import { IpamError } from "./errors.ts";
import { type AllowedUse, poolOf } from "./pools.ts";
import { blockKey, type Owner, ownerText } from "./records.ts";
import type { AssignDeps, Want } from "./requests.ts";
import { readView } from "./view.ts";

export interface AddressWant extends Omit<Want, "count"> {
  readonly owner: Owner;
  readonly address: IpAddress;
  readonly use: AllowedUse;
}

/**
 * Gives the address to the handle. Throws IpamError `notInPool`, `poolNotEnabled`, `noQualifiedPool`, `notAffine`,
 * `alreadyAssigned`, `contention`.
 */
export async function assignAddress(deps: AssignDeps, want: AddressWant): Promise<void> {
  const subject = formatAddress(want.address);
  const { pools, settings } = await readView(deps.store);
  const pool = poolOf(pools, want.address);
  if (!pool) {
    const known = pools.map(({ name, cidr }) => `${name} ${formatPrefix(cidr)}`).join(", ");
    throw refusal("notInPool", subject, `address ${subject} is in no IPPool; there are: ${known || "none"}`);
  }
  if (!pool.isEnabled) {
    throw refusal("poolNotEnabled", subject, `address ${subject} is in IPPool ${pool.name}, which is disabled`);
  }
  if (!pool.allowedUses.includes(want.use)) {
    const message = `address ${subject} is in IPPool ${pool.name}, whose allowedUses lack ${want.use}`;
    throw refusal("noQualifiedPool", subject, message);
  }
  const cidr = prefixOf(want.address, pool.blockSize);
  for (let attempt = 0; attempt < RETRIES; attempt++) {
    const stored = await deps.store.get(blockKey(cidr));
    let found: StoredBlock | undefined = stored && readStoredBlock(stored);
    if (!found) {
      if (!settings.autoAllocateBlocks) {
        const message = `address ${subject} is in block ${formatPrefix(cidr)}, which nobody has claimed, and autoAllocateBlocks is false`;
        throw refusal("notAffine", subject, message);
      }
      found = await deps.affinities.claim(want.owner, cidr);
      if (!found) continue;
    }
    if (settings.strictAffinity && found.block.affinity !== ownerText(want.owner)) {
      const message = `address ${subject} is in block ${formatPrefix(cidr)} of ${found.block.affinity ?? "nobody"}, and strictAffinity is true`;
      throw refusal("notAffine", subject, message);
    }
    const holder = { handleId: want.handleId, attributes: want.attributes, others: {} };
    const taken = assignOrdinal(found.block, ordinalOf(cidr, want.address), holder);
    if (!taken) {
      throw refusal("alreadyAssigned", subject, `Address already assigned in block: ${subject} is in use`);
    }
    const countByHandle = new Map([[want.handleId, 1]]);
    if ((await deps.writer.write({ before: found, after: taken.block, countByHandle })) !== "conflict") return;
  }
  throw refusal("contention", subject, `gave up after ${RETRIES} attempts: others keep changing ${formatPrefix(cidr)}`);
}

const refusal = (code: IpamError["code"], subject: string, message: string): IpamError =>
  new IpamError(code, message, { subject });
