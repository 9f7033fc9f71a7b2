/** Octets that nft 1.0.6 itself sends (`nft --debug=mnl`), beside what they say: what nft writes, our decoders read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../ip/address.ts";
import { parsePrefix } from "../../ip/prefix.ts";
import { Writer } from "../../wire/writer.ts";
import { accept, counter, drop, jump, log, masquerade, orMark, reject, snat } from "./action.ts";
import type { OctetText } from "./data-type.ts";
import { type ElementShape, entriesOf, type RawElement, readElements } from "./element-codec.ts";
import { CtState, hasAny, is, isBelow, isIn, isNot, isNotIn, isWithin, vmap } from "./match.ts";
import { decodeChain, decodeElements, decodeRule, decodeSet, decodeTable, decodeTableKey } from "./object-decoder.ts";
import { writeChain, writeFamily, writeRule, writeSet, writeTable } from "./object-encoder.ts";
import { rule } from "./rule.ts";
import { ct, fib, ip, meta, numgen, th, udp } from "./selector.ts";
import { finished } from "./steps.ts";
import type { NftChain, NftMap, NftRule, NftSet } from "./tree.ts";

const octets = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
/** `family ip`, then NFTA_…_TABLE `calico`. */
const IN_TABLE = "020000000b00010063616c69636f0000";

function encoded(write: (writer: Writer) => void, family: "ip" | "netdev" = "ip"): Uint8Array {
  const writer = new Writer();
  writeFamily(writer, family);
  write(writer);
  return Uint8Array.from(writer.finish());
}

test("a table with a comment", () => {
  const sent = octets(`${IN_TABLE}0800020000000000090006000003686900000000`);
  assert.deepEqual(decodeTable(sent), { family: "ip", name: "calico", comment: "hi" });
  assert.deepEqual(
    encoded((writer) => writeTable(writer, { name: "calico", comment: "hi" })),
    sent,
  );
  assert.deepEqual(decodeTableKey(sent), { family: "ip", name: "calico" });
});

const chains: readonly (readonly [hex: string, family: "ip" | "netdev", table: string, chain: NftChain])[] = [
  [`${IN_TABLE}0700030063310000`, "ip", "calico", { name: "c1", rules: [] }],
  [
    `${IN_TABLE}09000300706f737400000000080007006e6174000800050000000001140004800800010000000004080002000000006e09000c000003686800000000`,
    "ip",
    "calico",
    {
      name: "post",
      base: { type: "nat", hook: "postrouting", priority: 110, policy: "accept" },
      comment: "hh",
      rules: [],
    },
  ],
  [
    `${IN_TABLE}07000300667700000b00070066696c7465720000080005000000000014000480080001000000000208000200ffffffff`,
    "ip",
    "calico",
    { name: "fw", base: { type: "filter", hook: "forward", priority: -1, policy: "drop" }, rules: [] },
  ],
  [
    "05000000060001007800000006000300650000000b00070066696c746572000008000500000000012c00048008000100000000010800020000000000180004800a0001007665746830000000070001006c6f0000",
    "netdev",
    "x",
    {
      name: "e",
      base: { type: "filter", hook: "egress", priority: 0, policy: "accept", devices: ["lo", "veth0"] },
      rules: [],
    },
  ],
];

test("chains: regular, at a hook, at the egress of devices", () => {
  for (const [hex, family, table, chain] of chains) {
    for (const payload of [
      octets(hex),
      encoded((writer) => writeChain(writer, { family, name: table }, chain), family),
    ]) {
      const { name, base, comment, ...rest } = decodeChain(payload);
      assert.deepEqual({ family: rest.family, table: rest.table }, { family, table });
      const found = { name, ...(base ? { base } : {}), ...(comment === undefined ? {} : { comment }), rules: [] };
      assert.deepEqual(found, chain);
    }
  }
});

const rules: readonly (readonly [words: string, hex: string, rule: NftRule])[] = [
  [
    'ip saddr @pools ip daddr != @pools counter masquerade fully-random comment "cali:abc"',
    "09000200706f73740000000004010480340001800c0001007061796c6f6164002400028008000100000000010800020000000001080003000000000c0800040000000004300001800b0001006c6f6f6b757000002000028008000200000000010a000100706f6f6c730000000800040000000001340001800c0001007061796c6f616400240002800800010000000001080002000000000108000300000000100800040000000004380001800b0001006c6f6f6b757000002800028008000200000000010a000100706f6f6c7300000008000400000000010800050000000001140001800c000100636f756e74657200040002801c000180090001006d617371000000000c00028008000100000000100f000700000963616c693a6162630000",
    rule(
      "ip",
      [isIn(ip.saddr, "pools"), isNotIn(ip.daddr, "pools"), counter, masquerade({ flags: ["fully-random"] })],
      "cali:abc",
    ),
  ],
  [
    "udp dport 4789 snat to 1.2.3.4:80-90 fully-random",
    "09000200706f7374000000007801048024000180090001006d6574610000000014000280080002000000001008000100000000012c00018008000100636d700020000280080001000000000108000200000000000c0003800500010011000000340001800c0001007061796c6f6164002400028008000100000000010800020000000002080003000000000208000400000000022c00018008000100636d700020000280080001000000000108000200000000000c0003800600010012b500002c0001800e000100696d6d6564696174650000001800028008000100000000010c00028008000100010203042c0001800e000100696d6d6564696174650000001800028008000100000000020c00028006000100005000002c0001800e000100696d6d6564696174650000001800028008000100000000030c00028006000100005a000040000180080001006e61740034000280080001000000000008000200000000020800030000000001080005000000000208000600000000030800070000000012",
    rule("ip", [
      is(udp.dport, 4789),
      snat({ to: parseAddress("1.2.3.4"), ports: { low: 80, high: 90 }, flags: ["fully-random"] }),
    ]),
  ],
  [
    "iifname vmap @dispatch",
    "07000200667700006400048024000180090001006d6574610000000014000280080002000000000608000100000000013c0001800b0001006c6f6f6b757000002c000280080002000000000108000300000000000d0001006469737061746368000000000800040000000004",
    rule("ip", [vmap(meta.iifname, "dispatch")]),
  ],
  [
    "ip saddr . ip protocol . th dport @services jump c1",
    "07000200667700000c010480340001800c0001007061796c6f6164002400028008000100000000010800020000000001080003000000000c0800040000000004340001800c0001007061796c6f616400240002800800010000000009080002000000000108000300000000090800040000000001340001800c0001007061796c6f61640024000280080001000000000a080002000000000208000300000000020800040000000002340001800b0001006c6f6f6b757000002400028008000200000000010d0001007365727669636573000000000800040000000002380001800e000100696d6d656469617465000000240002800800010000000000180002801400028008000100fffffffd0700020063310000",
    rule("ip", [isIn([ip.saddr, ip.protocol, th.dport], "services"), jump("c1")]),
  ],
  [
    "ip saddr 10.0.0.0/13 ct state established,related accept",
    "070002006677000068010480340001800c0001007061796c6f6164002400028008000100000000010800020000000001080003000000000c0800040000000004440001800c0001006269747769736500340002800800010000000001080002000000000108000300000000040c00048008000100fff800000c00058008000100000000002c00018008000100636d700020000280080001000000000108000200000000000c000380080001000a0000002000018007000100637400001400028008000200000000000800010000000001440001800c0001006269747769736500340002800800010000000001080002000000000108000300000000040c00048008000100060000000c00058008000100000000002c00018008000100636d700020000280080001000000000108000200000000010c0003800800010000000000300001800e000100696d6d6564696174650000001c0002800800010000000000100002800c0002800800010000000001",
    rule("ip", [
      isWithin(ip.saddr, parsePrefix("10.0.0.0/13")),
      hasAny(ct.state, CtState.established | CtState.related),
      accept,
    ]),
  ],
  [
    "meta mark set meta mark | 0x10000",
    "07000200667700009800048024000180090001006d6574610000000014000280080002000000000308000100000000014c0001800c00010062697477697365003c00028008000100000000010800020000000001080006000000000008000300000000040c00048008000100fffffeff0c000580080001000000010024000180090001006d657461000000001400028008000200000000030800030000000001",
    rule("ip", [orMark(0x10000)]),
  ],
  [
    "fib saddr . iif oif 0 drop",
    "0700020066770000880004802800018008000100666962001c0002800800030000000009080002000000000108000100000000012c00018008000100636d700020000280080001000000000108000200000000000c0003800800010000000000300001800e000100696d6d6564696174650000001c0002800800010000000000100002800c0002800800010000000000",
    rule("ip", [is(fib(["saddr", "iif"], "oif"), 0), drop]),
  ],
  [
    "numgen random mod 100 < 10 drop",
    "0700020066770000d4000480340001800b0001006e756d67656e0000240002800800010000000001080002000000006408000300000000010800040000000000400001800e000100627974656f726465720000002c000280080001000000000108000200000000010800030000000001080004000000000408000500000000042c00018008000100636d700020000280080001000000000108000200000000020c000380080001000000000a300001800e000100696d6d6564696174650000001c0002800800010000000000100002800c0002800800010000000000",
    rule("ip", [isBelow(numgen("random", 100), 10), drop]),
  ],
  [
    'log prefix "foo" level notice reject',
    "07000200667700004800048020000180080001006c6f67001400028008000200666f6f000800050000000005240001800b00010072656a65637400001400028008000100000000000500020003000000",
    rule("ip", [log({ prefix: "foo", level: 5 }), reject()]),
  ],
];

test("rules mean what nft means by the same words", () => {
  for (const [words, hex, expected] of rules) {
    const sent = decodeRule(octets(IN_TABLE + hex));
    assert.deepEqual(sent.rule, withCounts(expected), words);
    const payload = encoded((writer) => writeRule(writer, "calico", sent.chain, expected));
    assert.deepEqual(decodeRule(payload), sent, words);
  }
});

/** What the decoder says of a counter that has counted nothing. */
const withCounts = ({ expressions, ...rest }: NftRule): NftRule => ({
  expressions: expressions.map((one) => (one.name === "counter" ? { ...one, packets: 0n, bytes: 0n } : one)),
  ...rest,
});

test("in a netdev table nft checks the protocol before the address, and so do we", () => {
  const hex =
    "0500000006000100780000000600020065000000e400048024000180090001006d6574610000000014000280080002000000000108000100000000012c00018008000100636d700020000280080001000000000108000200000000000c0003800600010008000000340001800c0001007061796c6f6164002400028008000100000000010800020000000001080003000000001008000400000000042c00018008000100636d700020000280080001000000000108000200000000010c000380080001000a000001300001800e000100696d6d6564696174650000001c0002800800010000000000100002800c0002800800010000000000";
  const expected = rule("netdev", [isNot(ip.daddr, "10.0.0.1"), drop]);
  assert.deepEqual(decodeRule(octets(hex)).rule, expected);
});

const sets: readonly (readonly [setHex: string, elementsHex: string, set: NftSet | NftMap])[] = [
  [
    "0a000200706f6f6c7300000008000300000000040800040000000007080005000000000408000a00000000010a000d000004020000000000",
    "0a000200706f6f6c7300000008000400000000016c0003801800018008000300000000010c0001800800010000000000100002800c000180080001000a0000001800038008000300000000010c000180080001000b000000100004800c000180080001000b0000001800058008000300000000010c000180080001000c000000",
    { name: "pools", key: ["ipv4_addr"], interval: true, elements: ["10.0.0.0/8", "11.0.0.0/8"] },
  ],
  [
    "0d0002007365727669636573000000000800030000000000080004000000730d080005000000000c08000a000000000218000d00000400000000030800040d000000010007026300",
    "0d00020073657276696365730000000008000400000000021c0003801800018014000180100001000a0000010600000000500000",
    {
      name: "services",
      key: ["ipv4_addr", "inet_proto", "inet_service"],
      comment: "c",
      elements: ["10.0.0.1 . tcp . 80"],
    },
  ],
  [
    "0b00020072616e6765730000080003000000008408000400000001cd080005000000000808000a0000000003200009801c0002800c00018008000100000000040c000180080001000000000214000d00000400000000030800040d0000000100",
    "0b00020072616e676573000008000400000000032800038024000180100001800c0001000a0000000050000010000a800c0001000affffff005a0000",
    { name: "ranges", key: ["ipv4_addr", "inet_service"], interval: true, elements: ["10.0.0.0/8 . 80-90"] },
  ],
  [
    "0d00020064697370617463680000000008000300000000080800040000000029080005000000001008000600ffffff00080007000000000008000a000000000416000d000004010000000104000000000604000000000000",
    "0d00020064697370617463680000000008000400000000043800038034000180180001801400010063616c69313233000000000000000000180002801400028008000100fffffffc0700020063310000",
    { name: "dispatch", key: ["ifname"], data: "verdict", elements: [["cali123", "goto c1"]] },
  ],
  [
    "080002006e61740008000300000000080800040000000007080005000000000408000600000001cd080007000000000808000a000000000520000d00000402000000010400000000040800040d0000000100060400000000",
    "080002006e617400080004000000000524000380200001800c000180080001000a000001100002800c0001000a00000200500000",
    {
      name: "nat",
      key: ["ipv4_addr"],
      data: ["ipv4_addr", "inet_service"],
      elements: [["10.0.0.1", "10.0.0.2 . 80"]],
    },
  ],
];

/** As the kernel lists trees: from the highest key down. */
const descending = (raw: readonly RawElement[]): RawElement[] =>
  raw.toSorted((a, b) => order(b.key, a.key) || Number(a.isEnd) - Number(b.isEnd));
const order = (a: OctetText, b: OctetText): number => (a < b ? -1 : a > b ? 1 : 0);

test("sets and maps of every kind, and their elements", () => {
  for (const [setHex, elementsHex, set] of sets) {
    const { elements: expected, ...kind } = set;
    for (const payload of [octets(IN_TABLE + setHex), encoded((writer) => writeSet(writer, "calico", set, 7))]) {
      const decoded = decodeSet(payload);
      assert.equal(decoded.isAnonymous, false);
      assert.deepEqual(decoded.shape, kind);
    }
    const listed = decodeElements(octets(IN_TABLE + elementsHex));
    assert.deepEqual([listed.table, listed.set], ["calico", set.name]);
    const raw: RawElement[] = [];
    const shape: ElementShape = set;
    readElements(listed.view, 0, listed.view.byteLength, shape, raw);
    const entries = expected.map((element) => (typeof element === "string" ? [element] : [...element]));
    for (const listing of [raw, raw.toReversed(), descending(raw)]) {
      assert.deepEqual(finished(entriesOf(shape, listing)).toSorted(), entries.toSorted());
    }
  }
});
