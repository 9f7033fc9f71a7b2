import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ipv4Of } from "../../ip/address.ts";
import { covers, parsePrefix, prefixOf, tryParsePrefix } from "../../ip/prefix.ts";
import type { Expression } from "../../netlink/nftables/expression.ts";
import { natOutgoing } from "./nat-outgoing.ts";

const pool = parsePrefix("192.168.0.0/16");
const other = parsePrefix("10.48.0.0/16");

const words = (expressions: readonly Expression[]): string =>
  expressions
    .map((found) => {
      if (found.name === "lookup") return `${found.inverted ? "!" : ""}@${found.set}`;
      if (found.name === "verdict") return "chain" in found ? `${found.verdict} ${found.chain}` : found.verdict;
      return found.name;
    })
    .join(" ");

test("pods of masqueraded pools are masqueraded towards everything but pools", () => {
  const part = natOutgoing({ family: 4, pools: [pool, other], masqueradedPools: [pool], tunnelDevices: [] });
  assert.deepEqual(
    part.chains.map(({ name, rules }) => [name, rules.map(({ expressions }) => words(expressions))]),
    [
      ["nat-POSTROUTING", ["counter jump nat-cali-POSTROUTING"]],
      ["nat-cali-POSTROUTING", ["counter jump nat-cali-nat-outgoing"]],
      ["nat-cali-nat-outgoing", ["payload @cali40masq-ipam-pools payload !@cali40all-ipam-pools counter masq"]],
    ],
  );
  assert.deepEqual(
    part.sets?.map(({ name, elements }) => [name, elements]),
    [
      ["cali40all-ipam-pools", ["10.48.0.0/16", "192.168.0.0/16"]],
      ["cali40masq-ipam-pools", ["192.168.0.0/16"]],
    ],
  );
  assert.equal(part.chains[0]?.base?.priority, 110);
});

test("IPv6 has the same chains in its own words", () => {
  const six = parsePrefix("fd00:10:244::/56");
  const part = natOutgoing({ family: 6, pools: [six], masqueradedPools: [six], tunnelDevices: [] });
  const of4 = natOutgoing({ family: 4, pools: [pool], masqueradedPools: [pool], tunnelDevices: [] });
  assert.deepEqual(
    part.chains.map(({ name }) => name),
    of4.chains.map(({ name }) => name),
  );
  assert.deepEqual(
    part.chains[2]?.rules.map(({ expressions }) => words(expressions)),
    ["payload @cali60masq-ipam-pools payload !@cali60all-ipam-pools counter masq"],
  );
  assert.deepEqual(
    part.sets?.map(({ name, key, elements }) => [name, key, elements]),
    [
      ["cali60all-ipam-pools", ["ipv6_addr"], ["fd00:10:244::/56"]],
      ["cali60masq-ipam-pools", ["ipv6_addr"], ["fd00:10:244::/56"]],
    ],
  );
});

test("without a masqueraded pool there is no chain for it", () => {
  const part = natOutgoing({ family: 4, pools: [pool], masqueradedPools: [], tunnelDevices: [] });
  assert.deepEqual(
    part.chains.map(({ name }) => name),
    ["nat-POSTROUTING", "nat-cali-POSTROUTING"],
  );
});

test("what the host sends into a tunnel gets the tunnel's address, after the pods' rule", () => {
  const part = natOutgoing({
    family: 4,
    pools: [pool],
    masqueradedPools: [pool],
    tunnelDevices: [{ name: "vxlan.calico" }],
  });
  assert.deepEqual(
    part.chains[1]?.rules.map(({ expressions }) => words(expressions)),
    ["counter jump nat-cali-nat-outgoing", "meta cmp fib cmp fib cmp counter masq"],
  );
});

test("every rule carries the hash that a restarted agent and people recognise it by", () => {
  const input = {
    family: 4,
    pools: [pool],
    masqueradedPools: [pool],
    tunnelDevices: [{ name: "vxlan.calico" }],
  } as const;
  const comments = natOutgoing(input).chains.flatMap(({ rules }) => rules.map(({ comment }) => comment));
  for (const comment of comments) assert.match(comment ?? "", /^cali:[A-Za-z0-9_-]{16};$/);
  assert.equal(new Set(comments).size, comments.length);
  assert.deepEqual(natOutgoing(input), natOutgoing(input));
});

test("pools inside of pools never overlap in the sets", () => {
  const prefixes = fc.array(
    fc
      .tuple(fc.nat(0xffff), fc.integer({ min: 1, max: 32 }))
      .map(([high, length]) => prefixOf(ipv4Of(high << 16), length)),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(prefixes, (pools) => {
      const [set] = natOutgoing({ family: 4, pools, masqueradedPools: [], tunnelDevices: [] }).sets ?? [];
      const kept = (set?.elements ?? []).map((text) => tryParsePrefix(text) ?? parsePrefix(`${text}/32`));
      for (const [index, one] of kept.entries()) {
        assert.ok(!kept.some((another, at) => at !== index && covers(another, one)));
      }
      for (const one of pools) assert.ok(kept.some((another) => covers(another, one)));
    }),
  );
});
