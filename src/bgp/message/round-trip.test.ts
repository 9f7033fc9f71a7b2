/** Whatever a speaker may say survives its octets, is packed as far as it goes, and is never longer than agreed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { attributeSets, messages, prefixes, sessions } from "../../testing/bgp-messages.ts";
import { attributesOf, contextOf, encodedMessages, prefixesOf } from "../../testing/bgp-values.ts";
import { Writer } from "../../wire/writer.ts";
import { decodeMessage } from "./message-codec.ts";
import type { Message } from "./types.ts";
import { encodeAnnouncement, encodeWithdrawal } from "./update-encoder.ts";

test("a message survives its octets", () => {
  fc.assert(
    fc.property(messages, sessions, (message, session) => {
      const context = contextOf({ ...session, peerType: "internal" });
      const octets = encodedMessages(message, context);
      assert.equal(octets.length, 1);
      for (const one of octets) {
        assert.deepEqual(decodeMessage(one, context), { ok: true, message });
        // Remembered, and not looked at again.
        assert.deepEqual(decodeMessage(one, context), { ok: true, message });
      }
    }),
    { numRuns: 1000 },
  );
});

test("updates are packed until they are full, and nothing is lost between them", () => {
  const feeds = fc.constantFrom(4 as const, 6 as const).chain((family) =>
    fc.tuple(attributeSets(family), prefixes(family, 50)).map(([attributes, some]) => ({
      attributes,
      all: Array.from({ length: 100 }, () => some).flat(),
    })),
  );
  fc.assert(
    fc.property(feeds, sessions, ({ attributes, all }, session) => {
      const context = contextOf({ ...session, peerType: "internal" });
      const limit = session.extendedMessage ? 65535 : 4096;
      const announcement: Message = {
        type: "update",
        withdrawn: [],
        announced: [{ attributes, prefixes: all }],
        malformed: [],
      };
      const withdrawal: Message = { ...announcement, withdrawn: all, announced: [] };
      for (const message of [announcement, withdrawal]) {
        const octets = encodedMessages(message, context);
        const got = octets.flatMap((one) => {
          const decoded = decodeMessage(one, context);
          assert.ok(decoded.ok && decoded.message.type === "update");
          return [...decoded.message.withdrawn, ...decoded.message.announced.flatMap((entry) => entry.prefixes)];
        });
        assert.deepEqual(got, all);
        for (const [index, { length }] of octets.entries()) {
          assert.ok(length <= limit, `${length} octets`);
          // The longest prefix takes 17.
          if (index < octets.length - 1) assert.ok(length > limit - 17, `${length} octets and more to come`);
        }
      }
    }),
    { numRuns: 50 },
  );
});

test("attributes that leave no room for a prefix are not sent", () => {
  const writer = new Writer();
  const communities = Array.from({ length: 1100 }, (_, index) => index);
  const pending = { prefixes: prefixesOf("10.0.0.0/8"), from: 0 };
  const attributes = attributesOf("192.0.2.1", { communities });
  assert.equal(encodeAnnouncement(writer, attributes, pending, contextOf()), 0);
  assert.equal(writer.length, 0);
  assert.equal(encodeAnnouncement(writer, attributes, pending, contextOf({ extendedMessage: true })), 1);
});

test("attributes are written ascending by code, those without words among them", () => {
  const opaque = (code: number) => ({ code, flags: 0xe0, octets: new Uint8Array(0) });
  const attributes = attributesOf("192.0.2.1", {
    largeCommunities: [{ global: 1, local1: 2, local2: 3 }],
    opaque: [opaque(20), opaque(99)],
  });
  const writer = new Writer();
  encodeAnnouncement(writer, attributes, { prefixes: prefixesOf("10.0.0.0/8"), from: 0 }, contextOf());
  const octets = writer.finish();
  const codes: number[] = [];
  for (let at = 23; at < octets.length - 2; at += 3 + (octets[at + 2] ?? 0)) codes.push(octets[at + 1] ?? 0);
  assert.deepEqual(codes, [1, 2, 3, 20, 32, 99]);
});

test("a withdrawal of prefixes of both families takes a message each", () => {
  const writer = new Writer();
  const mixed = prefixesOf("10.0.0.0/8", "2001:db8::/32", "11.0.0.0/8");
  assert.equal(encodeWithdrawal(writer, { prefixes: mixed, from: 0 }, contextOf()), 1);
  assert.equal(encodeWithdrawal(writer, { prefixes: mixed, from: 1 }, contextOf()), 2);
  assert.equal(encodeWithdrawal(writer, { prefixes: mixed, from: 2 }, contextOf()), 3);
  assert.equal(encodeWithdrawal(writer, { prefixes: mixed, from: 3 }, contextOf()), 3);
});

test("a path of more than 255 AS numbers takes several segments", () => {
  const asns = Array.from({ length: 600 }, (_, index) => index + 1);
  const attributes = attributesOf("192.0.2.1", { asPath: [{ kind: "sequence", asns }] });
  const context = contextOf();
  const message: Message = {
    type: "update",
    withdrawn: [],
    announced: [{ attributes, prefixes: prefixesOf("10.0.0.0/8") }],
    malformed: [],
  };
  const decoded = encodedMessages(message, context).map((one) => decodeMessage(one, context));
  assert.equal(decoded.length, 1);
  assert.ok(decoded[0]?.ok && decoded[0].message.type === "update");
  const path = decoded[0].message.announced[0]?.attributes.asPath ?? [];
  assert.deepEqual(
    path.map((segment) => segment.asns.length),
    [255, 255, 90],
  );
  assert.deepEqual(
    path.flatMap((segment) => segment.asns),
    asns,
  );
});
