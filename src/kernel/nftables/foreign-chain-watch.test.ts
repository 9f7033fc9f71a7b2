import assert from "node:assert/strict";
import { test } from "node:test";
import type { ForeignBaseChain } from "../../netlink/nftables/foreign-chain.ts";
import type { DecodedChain } from "../../netlink/nftables/object-decoder.ts";
import { KernelError } from "../../port/netlink.ts";
import { FakeClock } from "../../testing/fake-clock.ts";
import { SilentLog } from "../../testing/silent-log.ts";
import { ForeignChainWatch } from "./foreign-chain-watch.ts";

const base = { type: "filter", hook: "forward", priority: 0, policy: "drop" } as const;
const drop: ForeignBaseChain = { family: "ip", table: "filter", name: "FORWARD", base, owners: [] };
const chain = (table: string, name: string, more: Partial<DecodedChain> = {}): DecodedChain => ({
  family: "ip",
  table,
  name,
  ...more,
});

async function setUp() {
  const clock = new FakeClock();
  let hear: (chain?: DecodedChain) => void = () => undefined;
  const kernel = { chains: [] as readonly ForeignBaseChain[], lists: 0, failure: undefined as KernelError | undefined };
  const tables = {
    foreignBaseChains: async () => {
      kernel.lists++;
      if (kernel.failure) throw kernel.failure;
      return kernel.chains;
    },
    onForeignChain: (listener: (chain?: DecodedChain) => void) => {
      hear = listener;
    },
  };
  const watch = new ForeignChainWatch(tables, {
    ours: [{ family: "ip", name: "calico" }],
    clock,
    log: new SilentLog(),
  });
  let changes = 0;
  watch.onChange(() => changes++);
  await watch.start();
  return { clock, kernel, watch, hear: (about?: DecodedChain) => hear(about), changes: () => changes };
}

test("a burst is listed once, what does not matter never, and a change is told once", async () => {
  const { clock, kernel, watch, hear, changes } = await setUp();
  for (let n = 0; n < 1_000; n++) hear(chain("kube-proxy", `service-${n}`));
  hear(chain("calico", "filter-FORWARD", { base }));
  await clock.advance(10_000);
  assert.equal(kernel.lists, 1, "the list of the start");
  kernel.chains = [drop];
  for (let n = 0; n < 10; n++) hear(chain("filter", "FORWARD", { base }));
  await clock.advance(200);
  assert.equal(kernel.lists, 2);
  assert.deepEqual(watch.forwardDrops, [drop]);
  hear(chain("filter", "DOCKER-USER"));
  await clock.advance(200);
  assert.equal(kernel.lists, 3, "a name beside a drop may tell its owner");
  assert.equal(changes(), 1);
  hear();
  await clock.advance(200);
  assert.equal(kernel.lists, 4, "lost notifications");
});

test("a list that fails keeps what was known and is tried again", async () => {
  const { clock, kernel, watch, hear, changes } = await setUp();
  kernel.chains = [drop];
  hear();
  await clock.advance(200);
  kernel.chains = [];
  kernel.failure = new KernelError({ call: "list", errno: "EINTR", number: 4, subject: "chains" });
  hear();
  await clock.advance(200);
  assert.deepEqual(watch.forwardDrops, [drop]);
  kernel.failure = undefined;
  await clock.advance(10_000);
  assert.deepEqual(watch.forwardDrops, []);
  assert.equal(changes(), 2);
  watch.close();
  hear();
  await clock.advance(10_000);
  assert.equal(kernel.lists, 4, "closed");
});
