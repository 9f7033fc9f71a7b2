import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../ip/address.ts";
import { parsePrefix } from "../../ip/prefix.ts";
import { accept, clearMark, counter, dnat, drop, masquerade, orMark, reject, setMark } from "./action.ts";
import type { TableFamily } from "./codes.ts";
import { registerAt } from "./codes.ts";
import type { Expression } from "./expression.ts";
import { hashedChain } from "./hashed-chain.ts";
import { is, isBetween, isIn, isMasked, isNot, isWithin, startsWith } from "./match.ts";
import { rule, type Statement } from "./rule.ts";
import { arp, ip, ip6, meta, tcp, th, udp } from "./selector.ts";

const made = (family: TableFamily, ...statements: Statement[]): readonly Expression[] =>
  rule(family, statements).expressions;
const loads = (expressions: readonly Expression[]): string[] =>
  expressions.flatMap((one) =>
    one.name === "meta" ? [one.key] : one.name === "payload" ? [`${one.base}+${one.offset}`] : [],
  );

test("a header is looked at only behind the check of its protocol, once in a rule", () => {
  assert.deepEqual(loads(made("ip", is(ip.saddr, "10.0.0.1"), is(ip.daddr, "10.0.0.2"))), ["network+12", "network+16"]);
  assert.deepEqual(loads(made("inet", is(ip.saddr, "10.0.0.1"), is(ip.daddr, "10.0.0.2"))), [
    "nfproto",
    "network+12",
    "network+16",
  ]);
  assert.deepEqual(loads(made("netdev", isNot(ip.saddr, "10.0.0.1"))), ["protocol", "network+12"]);
  assert.deepEqual(loads(made("netdev", is(arp.operation, 2))), ["protocol", "network+6"]);
  assert.deepEqual(loads(made("ip", is(tcp.dport, 80), is(tcp.sport, 81))), ["l4proto", "transport+2", "transport+0"]);
  assert.deepEqual(loads(made("ip", is(ip.protocol, "udp"), is(udp.dport, 53))), ["network+9", "transport+2"]);
  assert.deepEqual(loads(made("inet", isIn([ip.saddr, th.dport], "s"))), ["nfproto", "network+12", "transport+2"]);
});

test("a rule that can never match is refused when it is written", () => {
  assert.throws(() => made("ip", is(ip6.saddr, "2001:db8::1")), { code: "badRule" });
  assert.throws(() => made("ip", is(tcp.dport, 80), is(udp.dport, 53)), { code: "badRule" });
  assert.throws(() => made("inet", is(ip.saddr, "10.0.0.1"), is(ip6.saddr, "::1")), { code: "badRule" });
  assert.throws(() => made("ip", isWithin(ip.saddr, parsePrefix("0.0.0.0/0"), "neq")), { code: "badRule" });
  assert.throws(() => made("ip", isWithin(ip.saddr, parsePrefix("2001:db8::/32"))), { code: "badElement" });
  assert.throws(() => made("ip", is(ip.saddr, "10.0.0.0/8")), { code: "badElement" });
  assert.throws(() => made("ip", is(meta.nfproto, "ip")), { code: "badElement" });
});

test("prefixes are compared by whole octets where they end at one, masked where they do not", () => {
  assert.deepEqual(made("ip", isWithin(ip.saddr, parsePrefix("10.1.0.0/16"))), [
    { name: "payload", base: "network", offset: 12, length: 2, to: 1 },
    { name: "cmp", op: "eq", from: 1, value: "0a01" },
  ]);
  assert.deepEqual(made("ip6", isWithin(ip6.daddr, parsePrefix("fe80::/10"))).slice(1), [
    { name: "bitwise", from: 1, to: 1, mask: `ffc0${"00".repeat(14)}`, xor: "00".repeat(16) },
    { name: "cmp", op: "eq", from: 1, value: `fe80${"00".repeat(14)}` },
  ]);
  assert.deepEqual(made("ip", isWithin(ip.saddr, parsePrefix("0.0.0.0/0")), drop), [
    { name: "verdict", verdict: "drop" },
  ]);
});

test("marks lie in host order, and are turned before they are ordered", () => {
  assert.deepEqual(made("ip", isMasked(meta.mark, 0x30000, 0x10000)).slice(1), [
    { name: "bitwise", from: 1, to: 1, mask: "00000300", xor: "00000000" },
    { name: "cmp", op: "eq", from: 1, value: "00000100" },
  ]);
  assert.deepEqual(made("ip", isBetween(meta.mark, 1, 258)).slice(1), [
    { name: "byteorder", from: 1, to: 1, op: "hton", length: 4, size: 4 },
    { name: "range", op: "eq", from: 1, low: "00000001", high: "00000102" },
  ]);
  assert.deepEqual(made("ip", orMark(0x10000))[1], {
    name: "bitwise",
    from: 1,
    to: 1,
    mask: "fffffeff",
    xor: "00000100",
  });
  assert.deepEqual(made("ip", clearMark(0x10000))[1], {
    name: "bitwise",
    from: 1,
    to: 1,
    mask: "fffffeff",
    xor: "00000000",
  });
  assert.deepEqual(made("ip", setMark(0xff, 0x100))[1], {
    name: "bitwise",
    from: 1,
    to: 1,
    mask: "ff000000",
    xor: "00010000",
  });
});

test("fields of a concatenation fill registers as the kernel numbers them", () => {
  const [first, second, third, fourth] = made("ip6", isIn([ip6.saddr, ip6.nexthdr, th.dport, meta.iifname], "s"));
  assert.deepEqual(
    [first, second, third, fourth].map((one) => (one && "to" in one ? one.to : undefined)),
    [1, 2, 13, 14],
  );
  const registers = [1, 9, 10, 11, 2, 13, 14, 15, 3, 17, 18, 19, 4, 21, 22, 23];
  assert.deepEqual(
    Array.from(registers, (_, word) => registerAt(word)),
    registers,
  );
});

test("addresses and ports of translations go through registers", () => {
  assert.deepEqual(made("ip", dnat({ to: parseAddress("10.0.0.1"), ports: { low: 80, high: 81 } })), [
    { name: "immediate", to: 1, value: "0a000001" },
    { name: "immediate", to: 2, value: "0050" },
    { name: "immediate", to: 3, value: "0051" },
    { name: "nat", type: "dnat", family: "ip", addresses: { low: 1, high: 1 }, ports: { low: 2, high: 3 }, flags: [] },
  ]);
  assert.deepEqual(made("ip", masquerade()), [{ name: "masq", flags: [] }]);
  assert.deepEqual(made("ip", reject({ type: "tcp reset" })), [{ name: "reject", type: "tcp reset", code: 0 }]);
});

test("a device prefix is compared by its own length", () => {
  assert.deepEqual(made("ip", startsWith(meta.iifname, "cali"))[1], {
    name: "cmp",
    op: "eq",
    from: 1,
    value: "63616c69",
  });
});

const chain = (port: number) => ({
  name: "cali-fw",
  rules: [
    rule("ip", [is(tcp.dport, 22), accept], "ssh"),
    rule("ip", [is(tcp.dport, port), counter, accept]),
    rule("ip", [drop], "ü".repeat(80)),
  ],
});

test("equal hashes mean equal beginnings of chains", () => {
  const [one, same, other] = [hashedChain(chain(80)), hashedChain(chain(80)), hashedChain(chain(81))];
  assert.deepEqual(one, same);
  const comments = (found: typeof one) => found.rules.map(({ comment }) => comment);
  assert.equal(comments(one)[0], comments(other)[0]);
  assert.notEqual(comments(one)[1], comments(other)[1]);
  assert.notEqual(comments(one)[2], comments(other)[2]);
  assert.notEqual(comments(hashedChain({ ...chain(80), name: "cali-tw" }))[0], comments(one)[0]);
  assert.match(comments(one)[0]!, /^cali:[\w-]{16}; ssh$/);
  assert.match(comments(one)[1]!, /^cali:[\w-]{16};$/);
  assert.match(comments(one)[2]!, /^cali:[\w-]{16}; ü+$/);
  assert.ok(new TextEncoder().encode(comments(one)[2]).length <= 127);
});

test("counts are no part of a hash", () => {
  const [counted] = chain(80).rules.slice(1);
  const other = {
    ...counted!,
    expressions: counted!.expressions.map((one) => (one.name === "counter" ? { ...one, packets: 7n } : one)),
  };
  assert.deepEqual(
    hashedChain({ name: "c", rules: [counted!] }).rules[0]?.comment,
    hashedChain({ name: "c", rules: [other] }).rules[0]?.comment,
  );
});
