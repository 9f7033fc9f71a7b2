/**
 * Path MTUs that the BPF programs of IP-in-IP have learned: told of in the log and in a metric, and forgotten ten minutes after
 * they were learned, as the kernel does with its own (sysctl net.ipv4.route.mtu_expires), so that a path that has become wider is
 * noticed. The encapsulating program leads to the map; without an agent nothing is forgotten.
 */
import { addressFromOctets, formatAddress } from "../../ip/address.ts";
import type { Bpf, BpfMap, MapShape } from "../../port/bpf.ts";
import type { Millis, Timer } from "../../port/clock.ts";
import type { Log } from "../../port/log.ts";
import type { Metrics } from "../../port/metrics.ts";
import { KernelError } from "../../port/netlink.ts";
import type { DriverDeps } from "./deps.ts";
import { readMarks } from "./ipip-marks.ts";
import { NODES, openFirstMap } from "./ipip-sources.ts";

export const pathMtuMap: MapShape = { name: "ocicat_mtus", keyOctets: 4, valueOctets: 4, entries: NODES };

const LOOK_EVERY_MS = 60_000;
export const PATH_MTU_EXPIRES_MS = 600_000;

export interface PathMtuDeps extends DriverDeps {
  readonly bpf: Bpf;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "set">;
}

export class PathMtuAgeing {
  readonly #deps: PathMtuDeps;
  /** What was found, by node, and when it was found first. */
  readonly #known = new Map<string, { readonly mtu: number; readonly since: Millis }>();
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(deps: PathMtuDeps) {
    this.#deps = deps;
    this.#wait();
  }

  #wait(): void {
    this.#timer = this.#deps.rtnetlink.clock.after(LOOK_EVERY_MS, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { rtnetlink, links, bpf, log, metrics } = this.#deps;
    try {
      const marks = await readMarks(rtnetlink, links);
      const mark = marks.find(({ duty }) => duty === "encap");
      const map = mark && openFirstMap(bpf, mark);
      try {
        this.#age(map);
      } finally {
        map?.close();
      }
      metrics.set("ipipNarrowPaths", this.#known.size);
    } catch (failure) {
      if (!(failure instanceof KernelError)) throw failure;
      log.warn("path MTUs of IP-in-IP cannot be read", { why: failure.message });
    }
    if (!this.#isClosed) this.#wait();
  }

  #age(map: BpfMap | undefined): void {
    const now = this.#deps.rtnetlink.clock.now();
    const found = new Set<string>();
    for (const key of map?.keys() ?? []) {
      const [address, value] = [addressFromOctets(key), map?.get(key)];
      if (address === undefined || value === undefined) continue;
      const node = formatAddress(address);
      const mtu = Buffer.from(value).readUInt32LE();
      const known = this.#known.get(node);
      if (known?.mtu === mtu && now - known.since >= PATH_MTU_EXPIRES_MS) {
        map?.delete(key);
        continue;
      }
      found.add(node);
      if (known?.mtu === mtu) continue;
      this.#known.set(node, { mtu, since: now });
      this.#deps.log.info("a path between nodes carries less than packets of IP-in-IP are long", { node, mtu });
    }
    for (const node of this.#known.keys()) if (!found.has(node)) this.#known.delete(node);
  }

  /** Paths that are known to be narrow, in words. */
  notes(): readonly string[] {
    const { clock } = this.#deps.rtnetlink;
    return Array.from(this.#known, ([node, { mtu, since }]) => {
      const minutes = Math.floor((clock.now() - since) / 60_000);
      return `the path to ${node} carries packets of ${mtu} octets at most, as IP-in-IP was told ${minutes} min ago; it is asked anew after ${PATH_MTU_EXPIRES_MS / 60_000} min`;
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }
}
