/** Base chains of others on the real kernel, as iptables-nft and nft make them. */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test } from "node:test";
import { SystemClock } from "../../src/adapter/clock.ts";
import { ForeignChainWatch } from "../../src/kernel/nftables/foreign-chain-watch.ts";
import { listForeignBaseChains } from "../../src/kernel/nftables/foreign-chains.ts";
import { RulesetReader } from "../../src/kernel/nftables/ruleset-reader.ts";
import { NftTableDriver } from "../../src/kernel/nftables/table-driver.ts";
import { describeForeignChain, forwardDrops } from "../../src/netlink/nftables/foreign-chain.ts";
import { namespaceFor, whyNoNamespaces } from "../../src/testing/netns.ts";
import { SilentLog } from "../../src/testing/silent-log.ts";

const skip = whyNoNamespaces() ?? false;

test("Docker's policy drop is found with its owner, our own chains are not", { skip }, async (t) => {
  const namespace = namespaceFor(t);
  namespace.run(
    "nft",
    `table ip filter {
       chain DOCKER-USER {
         counter
       }
       chain FORWARD {
         type filter hook forward priority filter; policy drop;
         jump DOCKER-USER
       }
     }
     table inet firewalld {
       chain filter_INPUT { type filter hook input priority filter + 10; policy accept; }
     }
     table ip calico {
       chain filter-FORWARD { type filter hook forward priority 0; policy accept; }
     }
     table netdev shaping {
       chain in { type filter hook ingress device lo priority -5; }
     }
    `,
  );
  const reader = new RulesetReader(namespace.net, new SystemClock());
  t.after(() => reader.close());
  const chains = await listForeignBaseChains(reader, [{ family: "ip", name: "calico" }]);
  assert.deepEqual(chains.map(describeForeignChain).toSorted(), [
    "inet firewalld filter_INPUT (policy accept, priority 10; firewalld)",
    "ip filter FORWARD (policy drop, priority 0; Docker)",
    "netdev shaping in (policy accept, priority -5)",
  ]);
  assert.deepEqual(forwardDrops(chains).map(describeForeignChain), [
    "ip filter FORWARD (policy drop, priority 0; Docker)",
  ]);
});

test("whoever makes, changes or removes a drop of forwarded packets is heard", { skip }, async (t) => {
  const namespace = namespaceFor(t);
  const nft = (text: string) => namespace.run("nft", text);
  nft("table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }");
  const clock = new SystemClock();
  const ours = [{ family: "ip", name: "calico" }] as const;
  const tables = new NftTableDriver(namespace.net, { log: new SilentLog(), clock });
  t.after(() => tables.close());
  const watch = new ForeignChainWatch(tables, { ours, clock, log: new SilentLog() });
  t.after(() => watch.close());
  await watch.start();
  const found = () => watch.forwardDrops.map(describeForeignChain);
  assert.deepEqual(found(), ["ip filter FORWARD (policy drop, priority 0; iptables)"], "what was there before");

  let changes = 0;
  const becomes = async (text: string, expected: readonly string[]) => {
    const before = changes;
    nft(text);
    while (changes === before) await once(heard, "change", { signal: AbortSignal.timeout(20_000) });
    assert.deepEqual(found(), expected, text);
  };
  const heard = new EventEmitter();
  watch.onChange(() => {
    changes++;
    heard.emit("change");
  });
  await becomes("add chain ip filter DOCKER-USER", ["ip filter FORWARD (policy drop, priority 0; Docker)"]);
  await becomes("chain ip filter FORWARD { policy accept; }", []);
  await becomes("chain ip filter FORWARD { policy drop; }", ["ip filter FORWARD (policy drop, priority 0; Docker)"]);
  await becomes("delete table ip filter", []);
  await becomes("table inet mine { chain f { type filter hook forward priority 5; policy drop; }; }", [
    "inet mine f (policy drop, priority 5)",
  ]);
  await becomes("flush ruleset", []);
});
