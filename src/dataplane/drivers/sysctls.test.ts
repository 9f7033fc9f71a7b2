import assert from "node:assert/strict";
import { test } from "node:test";
import { underTest } from "../../testing/driver-ground.ts";
import { MemoryKernel } from "../../testing/memory-kernel/memory-kernel.ts";
import { sysctlWorld } from "../../testing/settings-world.ts";

test("a setting of a device that is not there yet waits for it, which is no failure", async () => {
  const kernel = new MemoryKernel();
  const world = sysctlWorld(underTest(kernel), { namespace: kernel.tables.sysctls, seen: () => [] });
  const driver = await world.newDriver();
  await driver.readOwned();
  const failures = await driver.apply(
    ["net/ipv4/conf/cali9/proxy_arp", "net/ipv4/neigh/cali9/proxy_delay", "net/ipv4/nosuch"].map((path) => ({
      op: "add" as const,
      key: path,
      value: { path, value: "1" },
    })),
  );
  assert.deepEqual(
    failures.map(({ key, error }) => `${key} ${error.errno}`),
    ["net/ipv4/conf/cali9/proxy_arp ENODEV", "net/ipv4/neigh/cali9/proxy_delay ENODEV", "net/ipv4/nosuch ENOENT"],
  );
  driver.close();
  world.close();
});
