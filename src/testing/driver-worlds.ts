/** For each kind of kernel object: a kernel with foreign objects in it, what may be wanted, and what others may do to it. */
import {
  type AddressItem,
  addressKey,
  type FdbItem,
  fdbKey,
  linkKey,
  type NeighbourItem,
  neighbourKey,
  type RuleItem,
  ruleKey,
  type VxlanLink,
} from "../compile/node-state.ts";
import { addressDriver } from "../dataplane/drivers/addresses.ts";
import { fdbDriver, neighbourDriver } from "../dataplane/drivers/neighbours.ts";
import { RuleDriver } from "../dataplane/drivers/rules.ts";
import { VxlanLinkDriver } from "../dataplane/drivers/vxlan-links.ts";
import { formatAddress, parseAddress } from "../ip/address.ts";
import { formatPrefix, parseInterfaceAddress } from "../ip/prefix.ts";
import { NeighbourFlag, NeighbourState } from "../netlink/rtnetlink/codes.ts";
import type { DriverWorld } from "./driver-contract.ts";
import { Ground, type KernelUnderTest, MAC_A, MAC_B, parentAway, VXLAN } from "./driver-ground.ts";

const TUNNELS = [VXLAN, "vxlan-v6.calico"];
const isTunnel = (name: string): boolean => TUNNELS.includes(name);
const ip = parseAddress;

export function linkWorld(kernel: KernelUnderTest): DriverWorld<VxlanLink> {
  const ground = Ground.withDevices(kernel);
  ground.makeVxlan("vxlan.other", 7);
  ground.run({ type: "createBridge", link: { name: "docker0" } });
  const first: VxlanLink = {
    kind: "vxlan",
    name: VXLAN,
    mac: MAC_A,
    mtu: 1450,
    vni: 4096,
    port: 4789,
    local: ip("10.1.0.1"),
    parent: "eth0",
  };
  const elsewhere: VxlanLink = { ...first, name: "vxlan-v6.calico", vni: 4097, local: ip("fd01::1"), mtu: 1430 };
  const foreign = kernel.view.links();
  return {
    kernel,
    newDriver: () => ground.newDriver((deps) => new VxlanLinkDriver(deps, { isOurs: isTunnel })),
    keyOf: linkKey,
    items: [
      first,
      { ...first, mtu: 1400 },
      { ...first, vni: 5000 },
      { ...first, mac: MAC_B },
      { ...first, parent: "eth1" },
      elsewhere,
    ],
    seen: () => kernel.view.links(),
    lineOf: ({ name, mtu, mac, vni, port, local, parent }) =>
      `${name} vxlan ${mtu} ${mac} up ${vni} ${port} ${formatAddress(local)} ${parent}`,
    foreign,
    hands: {
      "removes it": () => ground.remove(VXLAN),
      "sets it down": () => ground.down(VXLAN),
      "changes its MTU": () => void ground.attempt({ type: "setLink", link: VXLAN, change: { mtu: 1300 } }),
      "changes its MAC": () =>
        void ground.attempt({ type: "setLink", link: VXLAN, change: { mac: "02:00:00:00:00:99" } }),
      "puts a bridge in its place": () => {
        ground.remove(VXLAN);
        ground.run({ type: "createBridge", link: { name: VXLAN } });
      },
      "makes it learn": () => {
        ground.remove(VXLAN);
        ground.run({
          type: "createVxlan",
          link: {
            name: VXLAN,
            vni: 4096,
            port: 4789,
            local: first.local,
            parent: ground.index("eth0"),
            learning: true,
            mac: MAC_A,
            mtu: 1450,
            up: true,
          },
        });
      },
    },
    ...parentAway(ground),
    close: () => ground.close(),
  };
}

export function addressWorld(kernel: KernelUnderTest): DriverWorld<AddressItem> {
  const ground = Ground.withDevices(kernel);
  ground.makeVxlan();
  ground.makeVxlan("vxlan-v6.calico", 4097);
  const pods = ["cali1", "cali2"];
  for (const name of pods) {
    ground.run({ type: "createVeth", link: { name }, peer: { name: `${name}p` } });
    ground.up(name, `${name}p`);
  }
  const isOurs = (name: string): boolean => isTunnel(name) || pods.includes(name);
  const on = (device: string, text: string): AddressItem => ({ device, address: parseInterfaceAddress(text) });
  return {
    kernel,
    newDriver: () => ground.newDriver((deps) => addressDriver(deps, { isOurs })),
    keyOf: addressKey,
    items: [
      on(VXLAN, "10.5.0.1/32"),
      on(VXLAN, "10.5.0.1/24"),
      on(VXLAN, "10.5.0.2/32"),
      on("vxlan-v6.calico", "fd05::1/128"),
      on("cali1", "169.254.7.1/32"),
      on("cali2", "169.254.7.1/32"),
    ],
    seen: () => kernel.view.addresses(),
    lineOf: ({ device, address }) => `${device} ${formatPrefix(address)}`,
    foreign: kernel.view.addresses(),
    hands: {
      "removes it": () =>
        void ground.attempt({
          type: "deleteAddress",
          address: { index: ground.index(VXLAN), address: parseInterfaceAddress("10.5.0.1/32") },
        }),
      "adds another": () => ground.addAddress(VXLAN, "10.66.0.1/24"),
      "adds another of IPv6": () => ground.addAddress("vxlan-v6.calico", "fd66::1/64"),
      "makes the device anew": () => {
        ground.remove(VXLAN);
        ground.makeVxlan();
      },
      "sets the device down and up": () => {
        ground.down("vxlan-v6.calico");
        ground.up("vxlan-v6.calico");
      },
    },
    mend: () => {
      ground.makeVxlan();
    },
    hinder: { act: () => ground.remove(VXLAN), hinders: ({ device }) => device === VXLAN },
    close: () => ground.close(),
  };
}

export function neighbourWorld(kernel: KernelUnderTest): DriverWorld<NeighbourItem> {
  const ground = Ground.withDevices(kernel);
  ground.makeVxlan();
  const permanent = (device: string, address: string, mac: string, state: number = NeighbourState.permanent) =>
    ({
      type: "replaceNeighbour",
      neighbour: { index: ground.index(device), address: ip(address), mac, state, flags: 0 },
    }) as const;
  ground.run(permanent("eth0", "10.1.0.77", MAC_B));
  const on = (address: string, mac: string): NeighbourItem => ({ device: VXLAN, address: ip(address), mac });
  return {
    kernel,
    newDriver: () => ground.newDriver((deps) => neighbourDriver(deps, { isOurs: isTunnel })),
    keyOf: neighbourKey,
    items: [on("10.5.1.1", MAC_A), on("10.5.1.1", MAC_B), on("10.5.1.2", MAC_A), on("fd05::9", MAC_A)],
    seen: () => kernel.view.neighbours(),
    lineOf: ({ device, address, mac }) => `${device} ${formatAddress(address)} ${mac}`,
    foreign: kernel.view.neighbours(),
    hands: {
      "removes it": () => {
        const { neighbour } = permanent(VXLAN, "10.5.1.1", MAC_A);
        ground.attempt({ type: "deleteNeighbour", neighbour });
      },
      "gives it another MAC": () => ground.run(permanent(VXLAN, "10.5.1.1", "02:00:00:00:00:99")),
      "lets it age": () => ground.run(permanent(VXLAN, "10.5.1.1", MAC_A, NeighbourState.stale)),
      "adds another": () => ground.run(permanent(VXLAN, "10.5.1.66", MAC_B)),
      "sets the device down and up": () => {
        ground.down(VXLAN);
        ground.up(VXLAN);
      },
      "makes the device anew": () => {
        ground.remove(VXLAN);
        ground.makeVxlan();
      },
    },
    mend: () => ground.makeVxlan(),
    hinder: { act: () => ground.remove(VXLAN), hinders: () => true },
    close: () => ground.close(),
  };
}

export function fdbWorld(kernel: KernelUnderTest): DriverWorld<FdbItem> {
  const ground = Ground.withDevices(kernel);
  ground.makeVxlan();
  ground.makeVxlan("vxlan.other", 7);
  const entry = (device: string, mac: string, destination?: string) => ({
    index: ground.index(device),
    mac,
    ...(destination === undefined ? {} : { destination: ip(destination) }),
    state: NeighbourState.permanent,
    flags: NeighbourFlag.self,
  });
  ground.run({ type: "replaceForwarding", entry: entry("vxlan.other", MAC_A, "10.1.0.99") });
  const to = (mac: string, destination: string): FdbItem => ({ device: VXLAN, mac, destination: ip(destination) });
  return {
    kernel,
    newDriver: () => ground.newDriver((deps) => fdbDriver(deps, { isOurs: isTunnel })),
    keyOf: fdbKey,
    items: [to(MAC_A, "10.1.0.7"), to(MAC_A, "10.1.0.8"), to(MAC_B, "10.1.0.7")],
    seen: () => kernel.view.forwarding(),
    lineOf: ({ device, mac, destination }) => `${device} ${mac} ${formatAddress(destination)}`,
    foreign: kernel.view.forwarding(),
    hands: {
      "removes it": () => void ground.attempt({ type: "deleteForwarding", entry: entry(VXLAN, MAC_A) }),
      "sends it elsewhere": () => ground.run({ type: "replaceForwarding", entry: entry(VXLAN, MAC_A, "10.1.0.66") }),
      "sends it elsewhere too": () =>
        void ground.attempt({ type: "appendForwarding", entry: entry(VXLAN, MAC_A, "10.1.0.67") }),
      "sends what has no entry to two places": () =>
        void ground.attempt(
          { type: "appendForwarding", entry: entry(VXLAN, "00:00:00:00:00:00", "10.1.0.67") },
          { type: "appendForwarding", entry: entry(VXLAN, "00:00:00:00:00:00", "10.1.0.68") },
        ),
      "adds another": () =>
        ground.run({ type: "replaceForwarding", entry: entry(VXLAN, "66:00:00:00:00:77", "10.1.0.9") }),
      "makes the device anew": () => {
        ground.remove(VXLAN);
        ground.makeVxlan();
      },
    },
    mend: () => ground.makeVxlan(),
    hinder: { act: () => ground.remove(VXLAN), hinders: () => true },
    close: () => ground.close(),
  };
}

export function ruleWorld(kernel: KernelUnderTest): DriverWorld<RuleItem> {
  const ground = new Ground(kernel);
  ground.run(
    { type: "addRule", rule: { family: 4, priority: 99, action: "lookup", table: 900 } },
    { type: "addRule", rule: { family: 4, priority: 100, action: "lookup", table: 1 } },
  );
  const item: RuleItem = { family: 4, priority: 99, table: 1, mark: 0x200000, mask: 0x200000, invert: true };
  return {
    kernel,
    newDriver: () =>
      ground.newDriver(
        (deps) => new RuleDriver(deps, { owns: ({ priority, table }) => priority === 99 && table !== 900 }),
      ),
    keyOf: ruleKey,
    items: [item, { ...item, table: 2 }, { ...item, family: 6 }, { family: 4, priority: 99, table: 5 }],
    seen: () => kernel.view.rules(),
    lineOf: ({ family, priority, table, mark, mask, invert }) =>
      `${family} ${priority} ${invert === true ? "not " : ""}${mark === undefined ? "all" : `${mark}/${mask}`} ${table}`,
    foreign: kernel.view.rules(),
    hands: {
      "removes it": () => void ground.attempt({ type: "deleteRule", rule: { ...item, action: "lookup" } }),
      "adds another": () =>
        void ground.attempt({ type: "addRule", rule: { family: 4, priority: 99, action: "lookup", table: 17 } }),
    },
    mend: () => undefined,
    close: () => ground.close(),
  };
}
