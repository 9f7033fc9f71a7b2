/** How long path MTUs of IP-in-IP are known, and who is told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { IpipLink } from "../../compile/node-state.ts";
import { addressOctets, parseAddress } from "../../ip/address.ts";
import { LinkTable } from "../../kernel/link-table.ts";
import { Rtnetlink } from "../../kernel/rtnetlink.ts";
import { TakenDevices } from "../../kernel/taken-devices.ts";
import type { Metrics } from "../../port/metrics.ts";
import { FakeClock } from "../../testing/fake-clock.ts";
import { MemoryKernel } from "../../testing/memory-kernel/memory-kernel.ts";
import { noFragments } from "../../testing/no-fragments.ts";
import { SilentLog } from "../../testing/silent-log.ts";
import { BpfIpip } from "./ipip-bpf.ts";
import { IpipLinkDriver } from "./ipip-links.ts";
import { PATH_MTU_EXPIRES_MS, PathMtuAgeing } from "./ipip-path-mtus.ts";

const MINUTE_MS = 60_000;
const tunnel: IpipLink = { kind: "ipip", name: "tunl0", mtu: 1480, local: parseAddress("10.1.0.1"), parent: "eth0" };
const NODE = "10.1.0.7";

test("a path MTU is told of once and forgotten ten minutes after it was learned, and a new one is new", async () => {
  const kernel = new MemoryKernel();
  const clock = new FakeClock();
  const log = new SilentLog();
  const told = () => log.lines.map(({ fields }) => fields);
  const rtnetlink = new Rtnetlink(kernel, clock);
  rtnetlink.execute([{ type: "createVeth", link: { name: "eth0" }, peer: { name: "eth0p" } }]);
  const links = new LinkTable(rtnetlink);
  await links.start();
  const deps = { rtnetlink, links, taken: new TakenDevices(rtnetlink.clock), bpf: kernel.bpf };
  const driver = new IpipLinkDriver(deps, new BpfIpip(deps, { bpf: kernel.bpf, fragments: noFragments }, "tunl0"));
  let narrow = 0;
  const set: Metrics["set"] = (...[, value]) => {
    narrow = value;
  };
  const ageing = new PathMtuAgeing({ ...deps, log, metrics: { set } });
  try {
    await clock.advance(MINUTE_MS);
    assert.deepEqual(await driver.apply([{ op: "add", key: "tunl0", value: tunnel }]), []);
    const filter = kernel.view.filters().find(({ name }) => name.startsWith("ocicat_encap_"));
    const map = kernel.bpf.openMap(kernel.bpf.openProgram(filter?.programId ?? 0)?.mapIds[0] ?? 0);
    const key = addressOctets(parseAddress(NODE));
    const learn = (mtu: number) => map?.set(key, new Uint8Array(Uint32Array.of(mtu).buffer));
    learn(1400);
    const before = kernel.bpf.openDescriptors;
    await clock.advance(MINUTE_MS);
    assert.equal(narrow, 1);
    assert.match(ageing.notes().join(), /^the path to 10\.1\.0\.7 carries packets of 1400 octets .* 0 min ago/);
    await clock.advance(PATH_MTU_EXPIRES_MS - MINUTE_MS);
    assert.deepEqual(told(), [{ node: NODE, mtu: 1400 }]);
    learn(1300);
    await clock.advance(PATH_MTU_EXPIRES_MS);
    assert.deepEqual(told(), [
      { node: NODE, mtu: 1400 },
      { node: NODE, mtu: 1300 },
    ]);
    assert.ok(map?.get(key));
    await clock.advance(MINUTE_MS);
    assert.equal(map?.get(key), undefined);
    assert.equal(narrow, 0);
    assert.deepEqual(ageing.notes(), []);
    assert.equal(kernel.bpf.openDescriptors, before);
  } finally {
    ageing.close();
    driver.close();
    links.close();
    rtnetlink.close();
    kernel.close();
  }
});
