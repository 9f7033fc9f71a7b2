/** The contract of drivers on the real kernel; what it holds is read by iproute2. */
import { driverContract } from "../../src/testing/driver-contract.ts";
import type { KernelUnderTest } from "../../src/testing/driver-ground.ts";
import { addressWorld, fdbWorld, linkWorld, neighbourWorld, ruleWorld } from "../../src/testing/driver-worlds.ts";
import { IpToolView } from "../../src/testing/kernel-view.ts";
import { createNamespace, whyNoNamespaces } from "../../src/testing/netns.ts";
import { routeWorld } from "../../src/testing/route-world.ts";

function realKernel(): KernelUnderTest {
  const namespace = createNamespace();
  namespace.ip("link set lo up");
  return { netlink: namespace.net, view: new IpToolView(namespace), close: () => namespace.close() };
}

const options = { runs: 12, skip: whyNoNamespaces() ?? false } as const;

driverContract("links", async () => linkWorld(realKernel()), { ...options, runs: 5 });
driverContract("addresses", async () => addressWorld(realKernel()), options);
driverContract("neighbours", async () => neighbourWorld(realKernel()), options);
driverContract("fdb", async () => fdbWorld(realKernel()), options);
driverContract("rules", async () => ruleWorld(realKernel()), options);
driverContract("routes", async () => routeWorld(realKernel()), options);
driverContract("routes by nexthop objects", async () => routeWorld(realKernel(), { nexthopObjectsFrom: 0 }), options);
