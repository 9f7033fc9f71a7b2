/**
 * VXLAN devices of ours. Mark: their names (`isOurs`), which belong to nobody else: a device of another kind or mode under such a
 * name makes way. What a VXLAN device cannot change, or must not while peers know it (VNI, port, local address, parent,
 * MAC), is changed by making it anew (calico-dataplane 2.8); the MTU and being up are set.
 *
 * Works in the blocking lane: removing a device takes the kernel tens of milliseconds.
 */
import type { VxlanLink } from "../../compile/node-state.ts";
import { ipv4Of } from "../../ip/address.ts";
import type { Request } from "../../kernel/rtnetlink-requests.ts";
import type { Link } from "../../netlink/rtnetlink/link.ts";
import type { Driver, DriverSink, Failure } from "../../reconcile/driver.ts";
import type { Op } from "../../reconcile/plan.ts";
import { type DriverDeps, isGone, itemOf, missingDevice, nameLost, takingAway } from "./deps.ts";
import { Observer } from "./observer.ts";
import { Serial } from "./serial.ts";

export interface VxlanLinkDriverOptions {
  /** Whether devices of this name are ours. */
  readonly isOurs: (name: string) => boolean;
}

export class VxlanLinkDriver implements Driver<VxlanLink> {
  readonly name = "vxlan links";
  readonly #deps: DriverDeps;
  readonly #isOurs: (name: string) => boolean;
  readonly #serial = new Serial();
  readonly #observer = new Observer<VxlanLink>(() => []);
  #stopListening = (): void => undefined;

  constructor(deps: DriverDeps, options: VxlanLinkDriverOptions) {
    this.#deps = deps;
    this.#isOurs = options.isOurs;
  }

  readOwned(): Promise<ReadonlyMap<string, VxlanLink>> {
    const { links } = this.#deps;
    return this.#serial.run(async () => {
      await links.reload();
      return this.#observer.reading(async (found) => {
        for (const link of links.all()) if (this.#isOurs(link.name)) found.set(link.name, this.#itemOf(link));
      });
    });
  }

  equal(desired: VxlanLink, actual: VxlanLink): boolean {
    return !mustBeMadeAnew(desired, actual) && desired.mtu === actual.mtu && actual.found !== "down";
  }

  apply(ops: readonly Op<VxlanLink>[]): Promise<readonly Failure[]> {
    const { links, rtnetlink } = this.#deps;
    return this.#serial.run(() =>
      this.#observer.writing(
        rtnetlink.clock,
        () => links.drain(),
        () => this.#apply(ops),
      ),
    );
  }

  async #apply(ops: readonly Op<VxlanLink>[]): Promise<readonly Failure[]> {
    const failures: Failure[] = [];
    // One at a time: a device is made anew by two requests, and one that fails stops no other.
    for (const op of ops) {
      const failure = await this.#applyOne(op);
      if (failure) failures.push(failure);
    }
    return failures;
  }

  async #applyOne(op: Op<VxlanLink>): Promise<Failure | undefined> {
    const { links, rtnetlink } = this.#deps;
    links.drain();
    const existing = links.byName(op.key);
    const requests = op.op === "remove" ? removal(existing) : this.#requests(op.value, existing);
    if (!requests) {
      const { parent } = itemOf(op);
      return this.#observer.waitFor(parent, { key: op.key, error: missingDevice(parent) });
    }
    const execute = () => rtnetlink.executeOffLoop(requests);
    const outcomes = await (requests.some(isRemoval) ? takingAway(this.#deps, op.key, execute) : execute());
    // Of a device that is made anew the removal may find nothing.
    const error = outcomes.find((outcome, index) => outcome && !(isRemoval(requests[index]) && isGone(outcome)));
    return error && { key: op.key, error };
  }

  /** Undefined when there is no parent. */
  #requests(desired: VxlanLink, existing: Link | undefined): readonly Request[] | undefined {
    const { name, mac, mtu, vni, port, local } = desired;
    const parent = this.#deps.links.byName(desired.parent)?.index;
    if (parent === undefined) return undefined;
    const make: Request = {
      type: "createVxlan",
      link: { name, mac, mtu, vni, port, local, parent, learning: false, up: true },
    };
    if (existing && !mustBeMadeAnew(desired, this.#itemOf(existing))) {
      return [{ type: "setLink", link: name, change: { mtu, up: true } }];
    }
    return [...removal(existing), make];
  }

  #itemOf(link: Link): VxlanLink {
    const { name, mac, mtu, vxlan } = link;
    const parent = vxlan?.parent === undefined ? undefined : this.#deps.links.byIndex(vxlan.parent);
    const isPlain =
      vxlan !== undefined && !(vxlan.learning || vxlan.flowBased || vxlan.l2miss || vxlan.gbp || vxlan.group);
    const found = !isPlain ? "unlike" : link.up ? undefined : "down";
    return {
      kind: "vxlan",
      name,
      mac,
      mtu,
      vni: vxlan?.vni ?? 0,
      port: vxlan?.port ?? 0,
      local: vxlan?.local ?? ipv4Of(0),
      parent: parent?.name ?? "",
      ...(found === undefined ? {} : { found }),
    };
  }

  watch(sink: DriverSink<VxlanLink>): void {
    this.#observer.attach(sink);
    this.#stopListening = this.#deps.links.listen({
      changed: (change) => {
        const { before, after } = change;
        const lost = nameLost(change);
        if (before && lost !== undefined && this.#isOurs(lost)) this.#observer.absent(lost);
        if (after && this.#isOurs(after.name)) this.#observer.present(after.name, this.#itemOf(after));
        this.#observer.deviceChanged(change);
      },
      lost: (reason) => this.#observer.resync(reason),
    });
  }

  close(): void {
    this.#observer.close();
    this.#stopListening();
  }
}

const isRemoval = (request: Request | undefined): boolean => request?.type === "deleteLink";

const removal = (link: Link | undefined): readonly Request[] => (link ? [{ type: "deleteLink", link: link.name }] : []);

function mustBeMadeAnew(desired: VxlanLink, actual: VxlanLink): boolean {
  return (
    actual.found === "unlike" ||
    desired.vni !== actual.vni ||
    desired.port !== actual.port ||
    desired.local !== actual.local ||
    desired.parent !== actual.parent ||
    desired.mac !== actual.mac
  );
}
