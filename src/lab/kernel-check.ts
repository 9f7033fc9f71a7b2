/**
 * Whether this kernel has what a lab is made of, tried and not guessed: each kind of object is made once in a network
 * namespace that nobody uses.
 */

import { CodedError } from "../base/errors.ts";
import { parseAddress } from "../ip/address.ts";
import { NftTableDriver } from "../kernel/nftables/table-driver.ts";
import type { Request } from "../kernel/rtnetlink-requests.ts";
import { drop } from "../netlink/nftables/action.ts";
import { is } from "../netlink/nftables/match.ts";
import { rule } from "../netlink/nftables/rule.ts";
import { ip } from "../netlink/nftables/selector.ts";
import type { NftTable } from "../netlink/nftables/tree.ts";
import type { Clock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { NetNamespace } from "../port/namespaces.ts";
import { KernelError } from "../port/netlink.ts";
import type { Places } from "../port/places.ts";
import { withRtnetlink } from "./underlay/apply.ts";

export interface KernelLack {
  readonly feature: string;
  readonly error: string;
  /** The option of the kernel's configuration, and its module. */
  readonly option: string;
  readonly module: string;
}

export class KernelLackError extends CodedError<"kernelLacks", { lacks: readonly KernelLack[] }> {
  constructor(lacks: readonly KernelLack[]) {
    const lines = lacks.map(
      ({ feature, error, option, module }) =>
        `  ${feature} (${error}): load it with 'modprobe ${module}', or take a kernel with ${option}`,
    );
    super("kernelLacks", `this kernel lacks what the lab is made of:\n${lines.join("\n")}`, { lacks });
  }
}

const devices: readonly (Omit<KernelLack, "error"> & { readonly request: Request })[] = [
  {
    feature: "veth pairs",
    option: "CONFIG_VETH",
    module: "veth",
    request: { type: "createVeth", link: { name: "probe-a" }, peer: { name: "probe-b" } },
  },
  {
    feature: "bridges",
    option: "CONFIG_BRIDGE",
    module: "bridge",
    request: { type: "createBridge", link: { name: "probe-bridge" } },
  },
  {
    feature: "VXLAN",
    option: "CONFIG_VXLAN",
    module: "vxlan",
    request: {
      type: "createVxlan",
      link: { name: "probe-vxlan", vni: 4096, port: 4789, local: parseAddress("127.0.0.1"), learning: false },
    },
  },
];

/** The hook at a device's egress is the youngest thing that a lab needs (Linux 5.16). */
const filterTable: NftTable = {
  family: "netdev",
  name: "ocicat-probe",
  chains: [
    {
      name: "egress",
      base: { type: "filter", hook: "egress", priority: 0, policy: "accept", devices: ["probe-a"] },
      rules: [rule("netdev", [is(ip.daddr, "192.0.2.1"), drop])],
    },
  ],
};

/** Rejects with KernelLackError; anything but a lack (no rights) is thrown as it is. */
export async function checkKernel(places: Places, deps: { readonly clock: Clock; readonly log: Log }): Promise<void> {
  const net = places.makeNet();
  try {
    const lacks = [...deviceLacks(net, deps.clock), ...(await filterLacks(net, deps))];
    if (lacks.length > 0) throw new KernelLackError(lacks);
  } finally {
    net.close();
  }
}

function deviceLacks(net: NetNamespace, clock: Clock): KernelLack[] {
  const failures = withRtnetlink(net, clock, (rtnetlink) => rtnetlink.execute(devices.map(({ request }) => request)));
  return devices.flatMap(({ feature, option, module }, index) => {
    const failure = failures[index];
    return failure ? [{ feature, option, module, error: lackOf(failure) }] : [];
  });
}

async function filterLacks(
  net: NetNamespace,
  deps: { readonly clock: Clock; readonly log: Log },
): Promise<KernelLack[]> {
  const lack = { feature: "nf_tables with filters at devices", option: "CONFIG_NF_TABLES_NETDEV", module: "nf_tables" };
  let driver: NftTableDriver | undefined;
  try {
    driver = new NftTableDriver(net, deps);
    await driver.apply(filterTable, filterTable);
    return [];
  } catch (failure) {
    return [{ ...lack, error: lackOf(failure) }];
  } finally {
    driver?.close();
  }
}

const ABSENT = ["EOPNOTSUPP", "EAFNOSUPPORT", "EPROTONOSUPPORT", "ENOENT", "EINVAL"];

/** What the kernel answers for what it does not have; every other failure is none of this check's. */
function lackOf(failure: unknown): string {
  if (failure instanceof KernelError && ABSENT.includes(failure.errno)) return failure.errno;
  throw failure;
}
