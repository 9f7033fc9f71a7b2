import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatAddress, ipv4Of, ipv6Of } from "../../ip/address.ts";
import { covers, formatPrefix, overlaps, parsePrefix, prefixOf } from "../../ip/prefix.ts";
import { runs } from "../../testing/runs.ts";
import { Writer } from "../../wire/writer.ts";
import { type DataType, dataTypes, typeId, typesOfId } from "./data-type.ts";
import { canonicalKey, parseKey, prefixElement, prefixElements } from "./element.ts";
import {
  type ElementShape,
  type Entry,
  entriesOf,
  type RawElement,
  readElements,
  writeEntry,
} from "./element-codec.ts";
import { groupsOf } from "./element-groups.ts";
import { finished } from "./steps.ts";

const hex = (octets: string | undefined): string => Buffer.from(octets ?? "", "latin1").toString("hex");

test("values lie in registers as the kernel compares them", () => {
  const cases: readonly (readonly [DataType, string, string])[] = [
    ["ipv4_addr", "10.0.0.1", "0a000001"],
    ["ipv6_addr", "2001:db8::1", "20010db8000000000000000000000001"],
    ["inet_service", "4789", "12b5"],
    ["inet_proto", "tcp", "06"],
    ["inet_proto", "ipip", "04"],
    ["ether_type", "arp", "0806"],
    ["ether_addr", "ee:ee:ee:ee:ee:01", "eeeeeeeeee01"],
    ["mark", "0x00010000", "00000100"],
    ["ifname", "cali123", "63616c69313233000000000000000000"],
  ];
  for (const [type, text, octets] of cases) {
    const parsed = dataTypes[type].parse(text);
    assert.equal(hex(parsed), octets);
    assert.equal(dataTypes[type].format(parsed!), text);
  }
});

test("what is written otherwise is brought to the kernel's form", () => {
  assert.equal(canonicalKey(["ipv4_addr"], true, "10.0.0.1/32", "s"), "10.0.0.1");
  assert.equal(canonicalKey(["ipv4_addr"], true, "10.0.0.0-10.255.255.255", "s"), "10.0.0.0/8");
  assert.equal(canonicalKey(["ipv4_addr"], true, "0.0.0.0/0", "s"), "0.0.0.0/0");
  assert.equal(canonicalKey(["ipv4_addr"], false, "10.0.0.1/32", "s"), "10.0.0.1");
  assert.equal(canonicalKey(["inet_proto"], false, "6", "s"), "tcp");
  assert.equal(canonicalKey(["inet_proto"], false, "99", "s"), "99");
  assert.equal(canonicalKey(["mark"], false, "16", "s"), "0x00000010");
  assert.equal(canonicalKey(["ipv6_addr"], true, "2001:DB8:0::/32", "s"), "2001:db8::/32");
  assert.equal(canonicalKey(["ipv4_addr", "inet_proto"], false, "1.2.3.4 . 17", "s"), "1.2.3.4 . udp");
});

test("what is no element of a set is refused with the set's name and the text", () => {
  const cases: readonly (readonly [readonly DataType[], boolean, string])[] = [
    [["ipv4_addr"], false, "10.0.0.0/8"],
    [["ipv4_addr"], false, "2001:db8::1"],
    [["ipv4_addr"], true, "10.0.0.1/8"],
    [["ipv4_addr"], true, "10.0.0.9-10.0.0.1"],
    [["ipv4_addr"], true, "2001:db8::/32"],
    [["inet_service"], false, "65536"],
    [["inet_service"], false, "-1"],
    [["inet_proto"], false, "256"],
    [["ifname"], false, "sixteen-octets-x"],
    [["ifname"], false, "a/b"],
    [["ifname"], false, ""],
    [["ether_addr"], false, "ee:ee"],
    [["ipv4_addr", "inet_service"], false, "10.0.0.1"],
    [["ipv4_addr", "inet_service"], false, "10.0.0.1 . 80 . 81"],
  ];
  for (const [types, interval, text] of cases) {
    assert.throws(() => parseKey(types, interval, text, "set blocked"), {
      code: "badElement",
      message: new RegExp(`^set blocked: .*'${text.replaceAll(/[.()]/g, "\\$&")}'`),
    });
  }
});

test("types of a concatenation fit nft's number, and come back from it", () => {
  assert.equal(typeId(["ipv4_addr", "inet_proto", "inet_service"]), 0x730d);
  for (const types of [["ifname"], ["ipv4_addr", "inet_service"], ["mark", "ipv6_addr"]] as const) {
    assert.deepEqual(typesOfId(typeId(types)), types);
  }
  assert.equal(typesOfId(1), undefined);
  assert.equal(typesOfId(0), undefined);
});

const range4 = fc
  .tuple(fc.nat(0xffffffff), fc.nat(0xffffffff))
  .map(([a, b]) => `${formatAddress(ipv4Of(Math.min(a, b)))}-${formatAddress(ipv4Of(Math.max(a, b)))}`);
const prefix4 = fc
  .tuple(fc.nat(0xffffffff), fc.integer({ min: 0, max: 32 }))
  .map(([value, length]) => prefixOf(ipv4Of(value), length));
const prefix6 = fc
  .tuple(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), fc.integer({ min: 0, max: 128 }))
  .map(([value, length]) => prefixOf(ipv6Of(value), length));

function listed(shape: ElementShape, entries: readonly Entry[]): Entry[] {
  const writer = new Writer();
  for (const entry of entries) writeEntry(writer, shape, entry);
  const octets = writer.finish();
  const raw: RawElement[] = [];
  readElements(new DataView(octets.buffer, octets.byteOffset, octets.length), 0, octets.length, shape, raw);
  return finished(entriesOf(shape, raw));
}

test("a range or prefix is listed as it was written", () => {
  const v4: ElementShape = { name: "s", key: ["ipv4_addr"], interval: true };
  const v6: ElementShape = { name: "s", key: ["ipv6_addr"], interval: true };
  fc.assert(
    fc.property(range4, (text) => {
      const canonical = canonicalKey(["ipv4_addr"], true, text, "s");
      assert.deepEqual(listed(v4, [[text]]), [[canonical]]);
      assert.deepEqual(listed(v4, [[canonical]]), [[canonical]]);
    }),
  );
  fc.assert(
    fc.property(prefix4, (prefix) =>
      assert.deepEqual(listed(v4, [[prefixElement(prefix)]]), [[prefixElement(prefix)]]),
    ),
  );
  fc.assert(
    fc.property(prefix6, (prefix) =>
      assert.deepEqual(listed(v6, [[prefixElement(prefix)]]), [[prefixElement(prefix)]]),
    ),
  );
});

test("a map's values are listed beside their keys, those of intervals too", () => {
  const shape: ElementShape = { name: "m", key: ["ipv4_addr"], interval: true, data: "verdict" };
  const entries: Entry[] = [
    ["10.0.0.0/8", "drop"],
    ["11.0.0.0/8", "jump somewhere"],
    ["192.0.2.1", "return"],
  ];
  assert.deepEqual(listed(shape, entries), entries);
  const dual: ElementShape = { name: "m", key: ["ifname", "mark"], data: ["ipv6_addr", "inet_service"] };
  const values: Entry[] = [["cali1 . 0x00000001", "2001:db8::1 . 80"]];
  assert.deepEqual(listed(dual, values), values);
  assert.throws(() => listed(shape, [["10.0.0.0/8", "jump"]]), { code: "badElement" });
});

test("elements of prefixes leave out what a wider one covers", () => {
  fc.assert(
    fc.property(fc.array(prefix4, { maxLength: 10 }), (prefixes) => {
      const kept = prefixElements(prefixes).map((text) => parsePrefix(text.includes("/") ? text : `${text}/32`));
      for (const [index, one] of kept.entries()) {
        for (const other of kept.slice(index + 1)) assert.ok(!overlaps(one, other));
      }
      for (const one of prefixes)
        assert.ok(
          kept.some((other) => covers(other, one)),
          formatPrefix(one),
        );
    }),
  );
});

test("changes that touch each other stay together, all others may part", () => {
  const interval: ElementShape = { name: "s", key: ["ipv4_addr"], interval: true };
  const both = [
    ...finished(
      groupsOf(interval, [["10.0.0.0/8"], ["12.0.0.0/8"]], [["10.1.0.0/16"], ["10.2.0.0/16"], ["11.0.0.0/8"]]),
    ),
  ];
  assert.deepEqual(both, [
    { deletions: [["10.0.0.0/8"]], additions: [["10.1.0.0/16"], ["10.2.0.0/16"]] },
    { deletions: [], additions: [["11.0.0.0/8"]] },
    { deletions: [["12.0.0.0/8"]], additions: [] },
  ]);
  const map: ElementShape = { name: "m", key: ["ifname"], data: "verdict" };
  assert.deepEqual(
    [
      ...finished(
        groupsOf(
          map,
          [["a"], ["b"]],
          [
            ["b", "drop"],
            ["c", "drop"],
          ],
        ),
      ),
    ],
    [
      { deletions: [["a"]], additions: [] },
      { deletions: [["b"]], additions: [["b", "drop"]] },
      { deletions: [], additions: [["c", "drop"]] },
    ],
  );
});

test("groups of many random changes hold every change once and never overlap", () => {
  const shape: ElementShape = { name: "s", key: ["ipv4_addr"], interval: true };
  const texts = fc.uniqueArray(prefix4.map(prefixElement), { maxLength: 600, minLength: 300 });
  fc.assert(
    fc.property(texts, texts, (before, after) => {
      const groups = [
        ...finished(
          groupsOf(
            shape,
            before.map((text) => [text]),
            after.map((text) => [text]),
          ),
        ),
      ];
      const flat = (kind: "deletions" | "additions") =>
        groups.flatMap((group) => group[kind].map(([key]) => key)).toSorted();
      assert.deepEqual(flat("deletions"), before.toSorted());
      assert.deepEqual(flat("additions"), after.toSorted());
      const spans = groups.map((group) => {
        const ranges = [...group.deletions, ...group.additions].map(([key]) => parseKey(shape.key, true, key, "s"));
        return {
          low: ranges.map(({ low }) => low).toSorted()[0]!,
          high: ranges
            .map(({ high }) => high!)
            .toSorted()
            .at(-1)!,
        };
      });
      for (const [index, span] of spans.entries()) if (index > 0) assert.ok(span.low > spans[index - 1]!.high);
    }),
    { numRuns: runs(20) },
  );
});
