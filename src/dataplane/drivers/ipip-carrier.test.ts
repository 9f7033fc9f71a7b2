/** Which carrier a kernel gets, what it says where it can have none, and what leaves descriptors open. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemClock } from "../../adapter/clock.ts";
import type { IpipLink } from "../../compile/node-state.ts";
import { parseAddress } from "../../ip/address.ts";
import { LinkTable } from "../../kernel/link-table.ts";
import { Rtnetlink } from "../../kernel/rtnetlink.ts";
import { TakenDevices } from "../../kernel/taken-devices.ts";
import type { Bpf } from "../../port/bpf.ts";
import type { TunnelServer } from "../../port/tunnel-server.ts";
import { MemoryBpf } from "../../testing/memory-bpf.ts";
import { MemoryKernel } from "../../testing/memory-kernel/memory-kernel.ts";
import { noFragments } from "../../testing/no-fragments.ts";
import { refusedBpf } from "../../testing/refused-bpf.ts";
import { BpfIpip } from "./ipip-bpf.ts";
import { chooseIpip, hasKernelIpip } from "./ipip-carrier.ts";
import { IpipLinkDriver } from "./ipip-links.ts";
import { UnwrittenDriver } from "./unwritten.ts";

const tunnel: IpipLink = { kind: "ipip", name: "tunl0", mtu: 1480, local: parseAddress("10.1.0.1"), parent: "eth0" };

async function withDriver<T>(
  bpf: (kernel: MemoryKernel) => Bpf,
  work: (driver: IpipLinkDriver, kernel: MemoryKernel) => Promise<T>,
): Promise<T> {
  const kernel = new MemoryKernel();
  const rtnetlink = new Rtnetlink(kernel, new SystemClock());
  rtnetlink.execute([{ type: "createVeth", link: { name: "eth0" }, peer: { name: "eth0p" } }]);
  const links = new LinkTable(rtnetlink);
  await links.start();
  const deps = { rtnetlink, links, taken: new TakenDevices(rtnetlink.clock) };
  const driver = new IpipLinkDriver(deps, new BpfIpip(deps, { bpf: bpf(kernel), fragments: noFragments }, "tunl0"));
  try {
    return await work(driver, kernel);
  } finally {
    driver.close();
    links.close();
    rtnetlink.close();
    kernel.close();
  }
}

test("a kernel with the module is asked for its own device, one without is not, and neither keeps a trace", async () => {
  for (const hasIpip of [true, false]) {
    const kernel = new MemoryKernel();
    if (hasIpip) kernel.tables.links.loadIpip();
    const before = kernel.view.links();
    const rtnetlink = new Rtnetlink(kernel, new SystemClock());
    assert.equal(await hasKernelIpip(rtnetlink), hasIpip);
    assert.deepEqual(kernel.view.links(), before);
    rtnetlink.close();
    kernel.close();
  }
});

test("where bpf(2) is refused nothing is made, and the failure says what helps", async () => {
  await withDriver(
    () => refusedBpf,
    async (driver, kernel) => {
      const before = kernel.view.links();
      const [failure] = await driver.apply([{ op: "add", key: "tunl0", value: tunnel }]);
      assert.equal(failure?.error.errno, "EPERM");
      assert.match(failure?.error.message ?? "", /tunl0.*bpf.*EPERM.*no ipip module; load it, or .* or use VXLAN/);
      assert.deepEqual(kernel.view.links(), before);
    },
  );
});

test("no descriptor stays open, whatever fails: the filters hold what is needed", async () => {
  await withDriver(
    (kernel) => kernel.bpf,
    async (driver, kernel) => {
      for (const value of [tunnel, { ...tunnel, mtu: 1400 }, { ...tunnel, local: parseAddress("fd00::1") }]) {
        await driver.apply([{ op: "add", key: "tunl0", value }]);
        assert.equal(kernel.bpf.openDescriptors, 0);
      }
      kernel.faults.refuse(17, 1);
      await driver.apply([{ op: "add", key: "tunl0", value: tunnel }]).catch(() => undefined);
      assert.equal(kernel.bpf.openDescriptors, 0);
    },
  );
});

test("a local address that is not IPv4 is refused by name", async () => {
  await withDriver(
    () => new MemoryBpf(),
    async (driver) => {
      const value = { ...tunnel, local: parseAddress("fd00::1") };
      const [failure] = await driver.apply([{ op: "add", key: "tunl0", value }]);
      assert.match(failure?.error.message ?? "", /tunl0: EINVAL \(its local address is no IPv4 address\)/);
    },
  );
});

test("what a kernel does not need is kept as if it had been written", async () => {
  const driver = new UnwrittenDriver<string>("sources");
  assert.deepEqual(await driver.apply([{ op: "add", key: "a", value: "one" }]), []);
  assert.deepEqual([...(await driver.readOwned())], [["a", "one"]]);
  await driver.apply([{ op: "remove", key: "a", was: "one" }]);
  assert.equal((await driver.readOwned()).size, 0);
});

test("what carries is the best that a host has, and what it lacks is said", async () => {
  const unasked = (): never => assert.fail("nothing is started to find out");
  const server = (closed?: string): TunnelServer => ({
    whyNot: () => closed,
    state: unasked,
    start: unasked,
    change: unasked,
    stop: unasked,
  });
  const chosen = async (hasIpip: boolean, bpf: Bpf, closed?: string) => {
    const kernel = new MemoryKernel();
    if (hasIpip) kernel.tables.links.loadIpip();
    const rtnetlink = new Rtnetlink(kernel, new SystemClock());
    try {
      return await chooseIpip(rtnetlink, bpf, server(closed));
    } finally {
      rtnetlink.close();
      kernel.close();
    }
  };
  const bpf = new MemoryBpf();
  assert.deepEqual(await chosen(true, refusedBpf), { carrier: "module", why: "the kernel has ipip" });
  assert.deepEqual(await chosen(false, bpf), { carrier: "bpf", why: "the kernel has no ipip" });
  assert.equal(bpf.openDescriptors, 0);
  const refusals = "the kernel has no ipip; bpf of map ocicat_sources: EPERM";
  assert.deepEqual(await chosen(false, refusedBpf), { carrier: "process", why: refusals });
  const closed = "open of /dev/net/tun: EACCES";
  assert.deepEqual(await chosen(false, refusedBpf, closed), { carrier: "none", why: `${refusals}; ${closed}` });
});
