import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Framer } from "../bgp/message/framer.ts";
import { decodeMessage } from "../bgp/message/message-codec.ts";
import { type Batch, silence } from "../bgp/rib/types.ts";
import { attributesOf, contextOf } from "../testing/bgp-values.ts";
import { codeOf, textOf } from "../testing/speaker-world.ts";
import { BatchEncoder, type EncodedBatch } from "./batch-encoder.ts";

const context = contextOf();

const batch = (parts: Partial<Batch>): Batch => ({ ...silence, ...parts });

/** What a peer reads of the octets, a line for each thing. */
function readAs(octets: Uint8Array): string[] {
  const framer = new Framer();
  framer.push(octets);
  const lines: string[] = [];
  for (let next = framer.next(); next; next = framer.next()) {
    const decoded = decodeMessage(next, context);
    assert.ok(decoded.ok);
    const { message } = decoded;
    if (message.type === "routeRefresh") lines.push(`refresh ${message.family} ${message.subtype}`);
    if (message.type !== "update") continue;
    lines.push(...message.withdrawn.map((prefix) => `- ${textOf(prefix)}`));
    for (const { prefixes } of message.announced) lines.push(...prefixes.map((prefix) => `+ ${textOf(prefix)}`));
    if (message.endOfRib) lines.push(`end ${message.endOfRib}`);
  }
  return lines;
}

test("a batch of both families goes out in its order", () => {
  const mixed = batch({
    withdrawn: [codeOf("10.0.0.0/24"), codeOf("fd00:1::/64"), codeOf("10.0.1.0/24")],
    announced: [
      { attributes: attributesOf("10.0.0.1"), prefixes: [codeOf("10.1.0.0/24")] },
      { attributes: attributesOf("fd00::1"), prefixes: [codeOf("fd00:2::/64")] },
    ],
    endOfRib: [4, 6],
    refreshed: [6],
  });
  const { octets, messages, unsendable } = new BatchEncoder().encode(mixed, context);
  assert.deepEqual(readAs(octets), [
    ...["- 10.0.0.0/24", "- 10.0.1.0/24", "- fd00:1::/64", "+ 10.1.0.0/24", "+ fd00:2::/64"],
    ...["end 4", "end 6", "refresh 6 end"],
  ]);
  assert.deepEqual([messages, unsendable], [7, 0]);
});

test("one batch is encoded once for each form that sessions agreed on", () => {
  const encoder = new BatchEncoder();
  const one = batch({ withdrawn: [codeOf("10.0.0.0/24")] });
  const first = encoder.encode(one, context);
  assert.equal(encoder.encode(one, { ...context }), first);
  assert.notEqual(encoder.encode(one, { ...context, fourOctetAs: false }), first);
});

test("a route that no message has room for is counted, and the others go", () => {
  const communities = Array.from({ length: 1100 }, (_, index) => index);
  const announced = [
    { attributes: attributesOf("10.0.0.1", { communities }), prefixes: [codeOf("10.1.0.0/24"), codeOf("10.1.1.0/24")] },
    { attributes: attributesOf("10.0.0.1"), prefixes: [codeOf("10.2.0.0/24")] },
  ];
  const { octets, unsendable } = new BatchEncoder().encode(batch({ announced }), context);
  assert.deepEqual(readAs(octets), ["+ 10.2.0.0/24"]);
  assert.equal(unsendable, 2);
  const large = new BatchEncoder().encode(batch({ announced }), { ...context, extendedMessage: true });
  assert.equal(large.unsendable, 0);
});

test("who is not told some of a batch gets the same octets as if it were a batch of its own", () => {
  const communities = (count: number) => ({ communities: Array.from({ length: count }, (_, index) => index) });
  const announcement = fc.record({
    attributes: fc.constantFrom(
      attributesOf("10.0.0.1"),
      attributesOf("fd00::1"),
      attributesOf("10.0.0.1", communities(1100)),
    ),
    count: fc.integer({ min: 1, max: 1500 }),
    isHidden: fc.boolean(),
  });
  const announcements = fc.array(announcement, { maxLength: 6 });
  fc.assert(
    fc.property(announcements, fc.boolean(), (all, isWithdrawing) => {
      const announced = all.map(({ attributes, count }) => ({
        attributes,
        prefixes: Array.from({ length: count }, (_, at) =>
          codeOf(typeof attributes.nextHop === "number" ? `10.${at >> 8}.${at & 255}.0/24` : `fd00:${at}::/64`),
        ),
      }));
      const whole = batch({ announced, withdrawn: [codeOf("10.200.0.0/24")] });
      const without = all.flatMap(({ isHidden }, place) => (isHidden ? [place] : []));
      const part = batch({
        withdrawn: isWithdrawing ? [codeOf("10.201.0.0/24"), codeOf("fd01::/64")] : [],
        announced: announced.filter((_, place) => !without.includes(place)),
      });
      const encoder = new BatchEncoder();
      assert.deepEqual(
        encoder.encode({ ...part, partOf: { whole, without } }, context),
        plainly(encoder.encode(part, context)),
      );
    }),
    { numRuns: 200 },
  );
});

const plainly = ({ octets, messages, unsendable }: EncodedBatch) => ({ octets, messages, unsendable });
