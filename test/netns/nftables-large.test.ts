/** Very large sets: how they reach the kernel. How long that takes is for `bench/nft-elements.ts` to say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemClock } from "../../src/adapter/clock.ts";
import { NftTableDriver } from "../../src/kernel/nftables/table-driver.ts";
import type { Netlink } from "../../src/port/netlink.ts";
import { namespaceFor, type TestNamespace, whyNoNamespaces } from "../../src/testing/netns.ts";
import { manyNetworks, networksTable } from "../../src/testing/networks-table.ts";
import { SilentLog } from "../../src/testing/silent-log.ts";

const skip = whyNoNamespaces() ?? false;
const key = { family: "ip", name: "calico" } as const;
const COUNT = 100_000;
/** What a socket takes at once without privileges, where net.core.wmem_max is the kernel's default. */
const SMALLEST_SEND_BUFFER = 2 * 212_992 - 32;

const networks = manyNetworks(COUNT);

/** The real thing, remembering the sizes of what is sent. */
function measured({ net }: TestNamespace): { readonly netlink: Netlink; readonly sizes: number[] } {
  const sizes: number[] = [];
  const netlink: Netlink = {
    open(options) {
      const socket = net.open(options);
      return {
        portId: socket.portId,
        send: (octets) => {
          sizes.push(octets.length);
          socket.send(octets);
        },
        sendOffLoop: (octets) => {
          sizes.push(octets.length);
          return socket.sendOffLoop(octets);
        },
        receive: () => socket.receive(),
        onReadable: (readable) => socket.onReadable(readable),
        close: () => socket.close(),
      };
    },
  };
  return { netlink, sizes };
}

const listedElements = (namespace: TestNamespace): number => {
  const { nftables } = JSON.parse(namespace.run("nft", "-j", "list", "set", "ip", "calico", "networks")) as {
    nftables: { set?: { elem: unknown[] } }[];
  };
  return nftables.find(({ set }) => set)?.set?.elem.length ?? 0;
};

test("100,000 networks are written before the rules that use them, in parts that any socket takes", {
  skip,
}, async (t) => {
  const namespace = namespaceFor(t);
  const { netlink, sizes } = measured(namespace);
  const clock = new SystemClock();
  const driver = new NftTableDriver(netlink, { log: new SilentLog(), clock });
  t.after(() => driver.close());
  await driver.apply(networksTable(networks), key);
  assert.equal(listedElements(namespace), COUNT);
  assert.ok(Math.max(...sizes) <= SMALLEST_SEND_BUFFER);
  const last = sizes.length;
  await driver.apply(networksTable([...networks, "11.0.0.0/8"]), key);
  assert.ok(
    sizes.slice(last).every((size) => size < 1024),
    "one more is one small message",
  );
  await driver.apply(networksTable(networks), key);
  const restarted = new NftTableDriver(netlink, { log: new SilentLog(), clock });
  t.after(() => restarted.close());
  assert.equal(
    (await restarted.apply(networksTable(networks), key)).transactions,
    0,
    "after a restart nothing is rewritten",
  );
  const narrowed = networks.map((text, index) => (index % 5 === 0 ? text.replace("/31", "") : text));
  await driver.apply(networksTable(narrowed), key);
  assert.equal(listedElements(namespace), COUNT);
  assert.ok(Math.max(...sizes) <= SMALLEST_SEND_BUFFER);
  await driver.apply(undefined, key);
});
