/**
 * Settings below /proc/sys/net. They carry no mark and cannot be listed, so what this driver knows is what it has written:
 * a fresh process writes all of them once, and one that is wanted no more is left as it is.
 *
 * A device that comes anew has the kernel's defaults, and one that rises may have been set by others meanwhile: its settings
 * are read then, and whatever the kernel reports of them by itself (forwarding, rp_filter, proxy ARP and NDP) at once.
 */
import { devicesOfSysctl } from "../../compile/item-devices.ts";
import type { SysctlItem } from "../../compile/node-state.ts";
import type { LinkChanged } from "../../kernel/link-table.ts";
import type { Subscription } from "../../kernel/rtnetlink-subscription.ts";
import type { Netconf } from "../../netlink/rtnetlink/netconf.ts";
import type { NetNamespace } from "../../port/namespaces.ts";
import { KernelError } from "../../port/netlink.ts";
import type { Driver, DriverSink, Failure } from "../../reconcile/driver.ts";
import type { Op } from "../../reconcile/plan.ts";
import { type DriverDeps, missingDevice, nameLost } from "./deps.ts";
import { Observer } from "./observer.ts";
import { Serial } from "./serial.ts";

/** A setting is read or written in about 10 µs. */
const SLICE = 500;

export interface SysctlDriverOptions {
  readonly namespace: Pick<NetNamespace, "readSysctl" | "writeSysctl">;
}

export class SysctlDriver implements Driver<SysctlItem> {
  readonly name = "sysctls";
  readonly #deps: DriverDeps;
  readonly #namespace: SysctlDriverOptions["namespace"];
  readonly #serial = new Serial();
  readonly #observer = new Observer<SysctlItem>(devicesOfSysctl);
  /** What was written, by path, and by device as far as a path names one. */
  readonly #written = new Map<string, string>();
  readonly #pathsByDevice = new Map<string, Set<string>>();
  #subscription: Subscription | undefined;
  #stopListening = (): void => undefined;

  constructor(deps: DriverDeps, options: SysctlDriverOptions) {
    this.#deps = deps;
    this.#namespace = options.namespace;
  }

  readOwned(): Promise<ReadonlyMap<string, SysctlItem>> {
    return this.#serial.run(async () => {
      await this.#deps.links.current();
      return this.#observer.reading(async (found) => {
        let read = 0;
        for (const path of [...this.#written.keys()]) {
          const item = this.#read(path);
          if (item) found.set(path, item);
          if (++read % SLICE === 0) await this.#deps.rtnetlink.clock.yield();
        }
      });
    });
  }

  #read(path: string): SysctlItem | undefined {
    const value = this.#namespace.readSysctl(path);
    return value === undefined ? undefined : { path, value };
  }

  equal(desired: SysctlItem, actual: SysctlItem): boolean {
    return desired.value === actual.value;
  }

  apply(ops: readonly Op<SysctlItem>[]): Promise<readonly Failure[]> {
    const drain = () => {
      this.#deps.links.drain();
      this.#subscription?.drain();
    };
    return this.#serial.run(() => this.#observer.writing(this.#deps.rtnetlink.clock, drain, () => this.#apply(ops)));
  }

  async #apply(ops: readonly Op<SysctlItem>[]): Promise<readonly Failure[]> {
    const failures: Failure[] = [];
    for (const [index, op] of ops.entries()) {
      const failure = this.#applyOne(op);
      if (failure) failures.push(failure);
      else this.#observer.applied(op);
      if ((index + 1) % SLICE === 0) await this.#deps.rtnetlink.clock.yield();
    }
    return failures;
  }

  #applyOne(op: Op<SysctlItem>): Failure | undefined {
    if (op.op === "remove") {
      this.#forget(op.key);
      return undefined;
    }
    try {
      this.#namespace.writeSysctl(op.key, op.value.value);
    } catch (failure) {
      if (!(failure instanceof KernelError)) throw failure;
      const [device] = devicesOfSysctl({ path: op.key });
      if (device === undefined) return { key: op.key, error: failure };
      const isThere = this.#deps.links.byName(device) !== undefined;
      return this.#observer.waitFor(device, { key: op.key, error: isThere ? failure : missingDevice(device) });
    }
    this.#remember(op.key, op.value.value);
    return undefined;
  }

  #remember(path: string, value: string): void {
    this.#written.set(path, value);
    for (const device of devicesOfSysctl({ path })) {
      const paths = this.#pathsByDevice.get(device);
      if (paths) paths.add(path);
      else this.#pathsByDevice.set(device, new Set([path]));
    }
  }

  #forget(path: string): void {
    this.#written.delete(path);
    for (const device of devicesOfSysctl({ path })) {
      const paths = this.#pathsByDevice.get(device);
      if (paths?.delete(path) === true && paths.size === 0) this.#pathsByDevice.delete(device);
    }
  }

  watch(sink: DriverSink<SysctlItem>): void {
    const { rtnetlink, links } = this.#deps;
    this.#observer.attach(sink);
    this.#subscription = rtnetlink.subscribe(["ipv4Netconf", "ipv6Netconf"], {
      event: (event) => {
        if (event.type === "netconf" && !event.isGone) this.#reported(event.netconf);
      },
      overrun: (reason) => this.#observer.resync(reason),
    });
    this.#stopListening = links.listen({
      changed: (change) => this.#linkChanged(change),
      lost: (reason) => this.#observer.resync(reason),
    });
  }

  /** The kernel reports our own writes too; only what differs from them is news. */
  #reported(netconf: Netconf): void {
    for (const [path, value] of settingsIn(netconf, (index) => this.#deps.links.byIndex(index)?.name)) {
      const written = this.#written.get(path);
      if (written !== undefined && written !== value) this.#look(path);
    }
  }

  #linkChanged(change: LinkChanged): void {
    const { before, after } = change;
    const lost = nameLost(change);
    if (lost !== undefined) this.#observer.deviceLost(lost, (path) => this.#forget(path));
    this.#observer.deviceChanged(change);
    if (!after || !(before === undefined || lost !== undefined || (after.up && !before.up))) return;
    for (const path of this.#pathsByDevice.get(after.name) ?? []) this.#look(path);
  }

  #look(path: string): void {
    const item = this.#read(path);
    if (item) this.#observer.present(path, item);
    else this.#observer.absent(path);
  }

  close(): void {
    this.#observer.close();
    this.#subscription?.close();
    this.#stopListening();
  }
}

/** What the kernel's report says, as paths and values. */
function settingsIn(netconf: Netconf, nameOf: (index: number) => string | undefined): readonly [string, string][] {
  const { family, device, forwarding, reversePathFilter, proxyNeighbour } = netconf;
  const name = typeof device === "number" ? nameOf(device) : device;
  if (name === undefined) return [];
  const folder = `net/ipv${family}/conf/${name}`;
  const found: [string, string | undefined][] = [
    [`${folder}/forwarding`, forwarding?.toString()],
    [`${folder}/rp_filter`, reversePathFilter?.toString()],
    [`${folder}/proxy_${family === 4 ? "arp" : "ndp"}`, proxyNeighbour?.toString()],
  ];
  if (family === 4 && device === "all") found.push(["net/ipv4/ip_forward", forwarding?.toString()]);
  return found.filter((pair): pair is [string, string] => pair[1] !== undefined);
}
