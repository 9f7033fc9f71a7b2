/** Addresses for one workload: all families that are wanted or none, and given back when the rest of an ADD fails. */

import { tryParseAddress } from "../ip/address.ts";
import type { InterfaceAddress } from "../ip/prefix.ts";
import { hostPrefix } from "../ip/prefix.ts";
import { IpamError } from "../ipam/errors.ts";
import type { Ipam } from "../ipam/ipam.ts";
import type { WallClock } from "../port/clock.ts";
import type { Stored, WriteOp } from "../port/store.ts";
import type { NetworkConfig } from "./config.ts";
import { CniError, ErrorCode } from "./errors.ts";
import type { Workload } from "./workload.ts";

/** Go's `Time.String()` in UTC, as Calico stamps allocations. */
const goTime = (now: Date): string => {
  const [date, time = ""] = now.toISOString().split("T");
  return `${date} ${time.slice(0, 8)}.${time.slice(9, 12)} +0000 UTC`.replace(/\.?0*( \+)/, "$1");
};

export interface WorkloadAssignment {
  /** With the block's mask. */
  readonly assigned: readonly InterfaceAddress[];
  /** The record, where it was stored with them. */
  readonly recorded: Stored | undefined;
}

export class WorkloadAddresses {
  readonly #ipam: Ipam;
  readonly #wallClock: WallClock;

  constructor(deps: { readonly ipam: Ipam; readonly wallClock: WallClock }) {
    this.#ipam = deps.ipam;
    this.#wallClock = deps.wallClock;
  }

  /**
   * `requested` is one address by name (CNI_ARGS `IP`). `record` is an object to store with the assignment, which only
   * a single address from a pool allows. Throws CniError; nothing is held then.
   */
  async assign(
    workload: Workload,
    config: NetworkConfig,
    requested: string | undefined,
    record?: (assigned: readonly InterfaceAddress[]) => WriteOp,
  ): Promise<WorkloadAssignment> {
    const attributes: Record<string, string> = { node: workload.node, timestamp: goTime(this.#wallClock.now()) };
    if (workload.orchestrator === "k8s")
      Object.assign(attributes, { pod: workload.pod, namespace: workload.namespace });
    const { handleId, node } = workload;
    try {
      if (requested !== undefined) {
        return { assigned: [await this.#assignNamed(requested, { handleId, node, attributes })], recorded: undefined };
      }
      const families = [
        { family: 4, wanted: config.assignIpv4, pools: config.ipv4Pools },
        { family: 6, wanted: config.assignIpv6, pools: config.ipv6Pools },
      ] as const;
      const isSingle = config.assignIpv4 !== config.assignIpv6;
      const outcomes = await Promise.allSettled(
        families
          .filter(({ wanted }) => wanted)
          .map(({ family, pools }) =>
            this.#ipam.autoAssign({
              family,
              node,
              handleId,
              attributes,
              count: 1,
              use: "Workload",
              ...(pools.length > 0 ? { pools } : {}),
              ...(record && isSingle ? { record } : {}),
            }),
          ),
      );
      const given = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? outcome.value.addresses : []));
      const failed = outcomes.find((outcome) => outcome.status === "rejected");
      const short = outcomes.find((outcome) => outcome.status === "fulfilled" && outcome.value.shortfall);
      const [first] = outcomes;
      const recorded = first?.status === "fulfilled" ? first.value.recorded : undefined;
      if (!failed && !short) return { assigned: given, recorded };
      await this.release(workload, given);
      if (failed?.status === "rejected") throw failed.reason;
      const why = short?.status === "fulfilled" ? short.value.shortfall?.message : undefined;
      throw new CniError(ErrorCode.noAddress, `no address for ${nameOf(workload)}: ${why ?? "no address is free"}`);
    } catch (failure) {
      if (!(failure instanceof IpamError)) throw failure;
      const number = failure.code === "poolNotEnabled" ? ErrorCode.invalidConfiguration : ErrorCode.noAddress;
      throw new CniError(number, `no address for ${nameOf(workload)}: ${failure.message}`, "", { cause: failure });
    }
  }

  async #assignNamed(
    text: string,
    holder: { readonly handleId: string; readonly node: string; readonly attributes: Record<string, string> },
  ): Promise<InterfaceAddress> {
    const address = tryParseAddress(text);
    if (address === undefined) {
      throw new CniError(ErrorCode.invalidEnvironment, `CNI_ARGS has IP=${text}, which is no IP address`);
    }
    await this.#ipam.assignIp({ ...holder, address, use: "Workload" });
    return hostPrefix(address);
  }

  /** Gives back exactly these, and only while they are this container's. */
  async release(workload: Workload, assigned: readonly InterfaceAddress[]): Promise<void> {
    const { handleId } = workload;
    await this.#ipam.releaseIps(assigned.map(({ address }) => ({ address, handleId })));
  }

  /** Gives back all that the container holds. */
  async releaseAll({ handleId, legacyHandleId }: Workload): Promise<void> {
    await Promise.all([this.#ipam.releaseByHandle(handleId), this.#ipam.releaseByHandle(legacyHandleId)]);
  }
}

const nameOf = (workload: Workload): string =>
  workload.orchestrator === "k8s" ? `pod ${workload.namespace}/${workload.pod}` : `container ${workload.containerId}`;
