/** The ground that the worlds of drivers stand on: a kernel, devices in it, and a foreign hand with a netlink socket of its own. */
import { SystemClock } from "../adapter/clock.ts";
import type { DriverDeps } from "../dataplane/drivers/deps.ts";
import { parseAddress } from "../ip/address.ts";
import { parseInterfaceAddress, parsePrefix } from "../ip/prefix.ts";
import { LinkTable } from "../kernel/link-table.ts";
import { type Outcomes, Rtnetlink } from "../kernel/rtnetlink.ts";
import type { Request } from "../kernel/rtnetlink-requests.ts";
import { TakenDevices } from "../kernel/taken-devices.ts";
import type { Route } from "../netlink/rtnetlink/route.ts";
import type { Bpf } from "../port/bpf.ts";
import type { Netlink } from "../port/netlink.ts";
import type { Driver } from "../reconcile/driver.ts";
import type { KernelView } from "./kernel-view.ts";
import type { Faults } from "./memory-kernel/faults.ts";
import type { MemoryKernel } from "./memory-kernel/memory-kernel.ts";

/** What the contract of drivers lets go wrong. */
export type KernelFaults = Pick<
  Faults,
  "refuse" | "interruptDumps" | "cutAnswers" | "loseAnswers" | "loseNotifications" | "clear"
>;

/** A network namespace, real or not. */
export interface KernelUnderTest {
  readonly netlink: Netlink;
  readonly bpf: Bpf;
  readonly view: KernelView;
  /** Of kernels in memory alone. */
  readonly faults?: KernelFaults;
  /** Answers truly, whatever is to go wrong: for hands. */
  readonly sparing?: <T>(work: () => T) => T;
  close(): void;
}

/** The kernel in memory, as the suites take it. */
export const underTest = (kernel: MemoryKernel): KernelUnderTest => ({
  netlink: kernel,
  bpf: kernel.bpf,
  view: kernel.view,
  faults: kernel.faults,
  sparing: (work) => kernel.faults.sparing(work),
  close: () => kernel.close(),
});

export const MAC_A = "66:00:00:00:00:0a";
export const MAC_B = "66:00:00:00:00:0b";
export const VXLAN = "vxlan.calico";

export class Ground {
  readonly kernel: KernelUnderTest;
  readonly #hand: Rtnetlink;
  readonly #closers: (() => void)[] = [];

  constructor(kernel: KernelUnderTest) {
    this.kernel = kernel;
    this.#hand = new Rtnetlink(kernel.netlink, new SystemClock());
  }

  /** eth0 and eth1 with carriers, 10.1.0.1/24 and fd01::1/64 on eth0. */
  static withDevices(kernel: KernelUnderTest): Ground {
    const ground = new Ground(kernel);
    for (const name of ["eth0", "eth1"]) {
      ground.run({ type: "createVeth", link: { name }, peer: { name: `${name}p` } });
      ground.up(name, `${name}p`);
    }
    ground.addAddress("eth0", "10.1.0.1/24");
    ground.addAddress("eth0", "fd01::1/64");
    return ground;
  }

  /** Carries out requests as somebody else. Throws the first failure. */
  run(...requests: readonly Request[]): void {
    const failure = this.attempt(...requests).find((error) => error !== undefined);
    if (failure) throw failure;
  }

  /** The same where a failure is fine. */
  attempt(...requests: readonly Request[]): Outcomes {
    return this.#spared(() => this.#hand.execute(requests));
  }

  #spared<T>(work: () => T): T {
    return this.kernel.sparing ? this.kernel.sparing(work) : work();
  }

  has(name: string): boolean {
    return this.#spared(() => this.#hand.link(name)) !== undefined;
  }

  index(name: string): number {
    const link = this.#spared(() => this.#hand.link(name));
    if (!link) throw new Error(`no device ${name}`);
    return link.index;
  }

  up(...names: readonly string[]): void {
    for (const name of names) this.run({ type: "setLink", link: name, change: { up: true } });
  }

  down(name: string): void {
    this.attempt({ type: "setLink", link: name, change: { up: false } });
  }

  addAddress(name: string, text: string): void {
    const address = {
      index: this.index(name),
      address: parseInterfaceAddress(text),
      flags: text.includes(":") ? 2 : 0,
    };
    this.attempt({ type: "replaceAddress", address });
  }

  removeAddress(name: string, text: string): void {
    const address = { index: this.index(name), address: parseInterfaceAddress(text) };
    this.attempt({ type: "deleteAddress", address });
  }

  makeVxlan(name = VXLAN, vni = 4096): void {
    if (this.has(name)) return;
    this.run({
      type: "createVxlan",
      link: {
        name,
        vni,
        port: 4789,
        local: parseAddress("10.1.0.1"),
        parent: this.index("eth0"),
        learning: false,
        mac: "66:00:00:00:00:01",
        mtu: 1450,
        up: true,
      },
    });
  }

  makePod(name: string): void {
    if (!this.has(name)) this.run({ type: "createVeth", link: { name }, peer: { name: `${name}p` } });
    this.up(name, `${name}p`);
  }

  remove(name: string): void {
    this.attempt({ type: "deleteLink", link: name });
  }

  /** A route of somebody: protocol static unless said otherwise. */
  route(destination: string, by: Partial<Route>): Route {
    return {
      destination: parsePrefix(destination),
      table: 254,
      type: "unicast",
      protocol: 4,
      scope: 0,
      metric: 0,
      hops: [],
      ...by,
    };
  }

  /** What a driver is made of, as a process has it. */
  async newDriver<V>(make: (deps: DriverDeps) => Driver<V>): Promise<Driver<V>> {
    const rtnetlink = new Rtnetlink(this.kernel.netlink, new SystemClock());
    const links = new LinkTable(rtnetlink);
    await links.start();
    const driver = make({ rtnetlink, links, taken: new TakenDevices(new SystemClock()) });
    this.#closers.push(() => {
      driver.close();
      links.close();
      rtnetlink.close();
    });
    return driver;
  }

  close(): void {
    for (const close of this.#closers.splice(0)) close();
    this.#hand.close();
    this.kernel.close();
  }
}

/** What hinders devices that have eth0 as their parent: it bears another name. */
export const parentAway = (ground: Ground) => ({
  mend: (): void => {
    if (ground.has("eth2")) ground.run({ type: "setLink", link: ground.index("eth2"), change: { name: "eth0" } });
  },
  hinder: {
    act: (): void => ground.run({ type: "setLink", link: ground.index("eth0"), change: { name: "eth2" } }),
    hinders: ({ parent }: { readonly parent: string }): boolean => parent === "eth0",
  },
});
