import assert from "node:assert/strict";
import { test } from "node:test";
import type { NeighbourTable } from "../netlink/rtnetlink/neighbour-table.ts";
import { KernelError } from "../port/netlink.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { NeighbourTableWatch } from "./neighbour-tables.ts";

/** A kernel that says what it is told to. */
class Counters {
  fulls = 0;
  isSilent = false;

  async tables(): Promise<readonly NeighbourTable[]> {
    if (this.isSilent) throw new KernelError({ call: "list", errno: "EOPNOTSUPP", number: 95 });
    return [
      { family: 4, hardLimit: 1024, fulls: this.fulls },
      { family: 6, hardLimit: 1024, fulls: 7 },
    ];
  }
}

function watched() {
  const clock = new FakeClock();
  const kernel = new Counters();
  const logged: string[] = [];
  const log = { warn: (message: string) => void logged.push(message) };
  const watch = new NeighbourTableWatch({ tables: () => kernel.tables(), clock, log });
  const minute = async () => {
    await clock.advance(60_000);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, kernel, logged, watch, minute };
}

test("what was full before the agent began is no danger, what is full since then is one", async () => {
  const { clock, kernel, watch } = watched();
  kernel.fulls = 100;
  await watch.start();
  assert.deepEqual(await watch.dangers(), []);
  await clock.advance(5_000);
  kernel.fulls = 112;
  const [danger, ...more] = await watch.dangers();
  assert.match(danger ?? "", /^the kernel's table of IPv4 neighbours is full: in the last 5 s .* 12 times/);
  assert.match(danger ?? "", /'sysctl -w net\.ipv4\.neigh\.default\.gc_thresh3=4096'/);
  assert.deepEqual(more, []);
  watch.close();
});

test("it is in the log once a minute, and no danger any more two minutes later", async () => {
  const { kernel, logged, watch, minute } = watched();
  await watch.start();
  kernel.fulls = 3;
  await minute();
  assert.match(logged[0] ?? "", /^the kernel's table of IPv4 neighbours is full.* 3 times/);
  assert.equal((await watch.dangers()).length, 1);
  await minute();
  assert.deepEqual(await watch.dangers(), []);
  assert.equal(logged.length, 1);
  watch.close();
  await minute();
});

test("a kernel that does not tell is no danger", async () => {
  const { kernel, watch } = watched();
  kernel.isSilent = true;
  await watch.start();
  assert.deepEqual(await watch.dangers(), []);
  watch.close();
});
