/** Base chains of others on the real kernel, as iptables-nft and nft make them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemClock } from "../../src/adapter/clock.ts";
import { describeForeignChain, forwardDrops, listForeignBaseChains } from "../../src/kernel/nftables/foreign-chains.ts";
import { RulesetReader } from "../../src/kernel/nftables/ruleset-reader.ts";
import { namespaceFor, whyNoNamespaces } from "../../src/testing/netns.ts";

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
