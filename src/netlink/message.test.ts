import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { runs } from "../testing/runs.ts";
import { Writer } from "../wire/writer.ts";
import { AttributeSet, octets as anyOctets, listOf, nested, text, u16Network, u32 } from "./attributes.ts";
import {
  beginMessage,
  ControlType,
  decodeAcknowledgement,
  eachAttribute,
  eachMessage,
  endMessage,
  Flag,
  type Message,
  NetlinkFormatError,
  stampMessage,
} from "./message.ts";

const hex = (digits: string): Uint8Array => Uint8Array.from(Buffer.from(digits, "hex"));
const viewOf = (octets: Uint8Array): DataView => new DataView(octets.buffer, octets.byteOffset, octets.byteLength);

function messagesOf(octets: Uint8Array): readonly Message[] {
  const found: Message[] = [];
  eachMessage(octets, (message) => found.push(message));
  return found;
}

/** A value, or our own error: anything else fails. */
function total<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (failure) {
    if (failure instanceof NetlinkFormatError) return undefined;
    throw failure;
  }
}

const plain = { noNullPrototype: true } as const;
const message = fc.record(
  {
    type: fc.nat(0xffff),
    flags: fc.nat(0xffff),
    sequence: fc.nat(0xffffffff),
    payload: fc.uint8Array({ maxLength: 40 }),
  },
  plain,
);

test("a datagram gives back the messages that were written into it, and cut anywhere those before the cut", () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 5 }), (written) => {
      const writer = new Writer();
      const ends = written.map(({ type, flags, sequence, payload }) => {
        const at = beginMessage(writer, type, flags);
        writer.octets(payload);
        endMessage(writer, at);
        stampMessage(writer, at, sequence);
        const end = writer.length;
        writer.zeros((4 - (writer.length % 4)) % 4);
        return end;
      });
      const octets = writer.finish();
      const expected = written.map((one) => ({ ...one, port: 0 }));
      assert.deepEqual(messagesOf(octets), expected);
      for (let length = 1; length < octets.length; length++) {
        const found: Message[] = [];
        total(() => eachMessage(octets.subarray(0, length), (one) => found.push(one)));
        assert.deepEqual(found, expected.slice(0, ends.filter((end) => end <= length).length));
      }
    }),
  );
});

test("any octets are messages or NetlinkFormatError, in as many steps as there are octets at most", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (octets) => {
      total(() => messagesOf(octets));
      total(() => eachAttribute(viewOf(octets), { at: 0, end: octets.length }, () => undefined));
    }),
    { numRuns: runs(200) },
  );
});

/** What Linux 6.18 answers to a route by a gateway that nothing leads to, on a socket that asked for words and for no echo. */
const REFUSED =
  "4400000002000003010000004d0000009bffffff2c000000180005060100000000000000" +
  "200001004e657874686f702068617320696e76616c6964206761746577617900";

test("an acknowledgement tells errno and the kernel's words", () => {
  const [refused] = messagesOf(hex(REFUSED));
  assert.ok(refused);
  assert.equal(refused.type, ControlType.error);
  assert.deepEqual(decodeAcknowledgement(refused), { errno: 101, text: "Nexthop has invalid gateway" });
  const succeeded = { ...refused, flags: Flag.ackCapped, payload: new Uint8Array(20) };
  assert.deepEqual(decodeAcknowledgement(succeeded), { errno: 0 });
  for (let length = 0; length < refused.payload.length; length++) {
    total(() => decodeAcknowledgement({ ...refused, payload: refused.payload.subarray(0, length) }));
  }
});

test("any acknowledgement, whatever its flags say, is read or NetlinkFormatError", () => {
  const type = fc.constantFrom(ControlType.error, ControlType.done);
  fc.assert(
    fc.property(type, fc.nat(0xffff), fc.uint8Array({ maxLength: 80 }), (ofType, flags, payload) => {
      total(() => decodeAcknowledgement({ type: ofType, flags, sequence: 0, port: 0, payload }));
    }),
    { numRuns: runs(200) },
  );
});

const inner = new AttributeSet({ port: [2, u16Network], name: [9, text] } as const);
const set = new AttributeSet({ id: [1, u32], inner: [3, nested(inner)], list: [4, listOf(u32, 1)] } as const);

test("attributes round trip, those that no table knows octet for octet", () => {
  const unknown = fc.record(
    {
      type: fc.constantFrom(7, 100, 0x3fff),
      flags: fc.constantFrom(0, 0x8000, 0x4000),
      octets: fc.uint8Array({ maxLength: 9 }),
    },
    plain,
  );
  const name = fc.string({ unit: fc.constantFrom("a", "é", "☃", "-"), maxLength: 6 });
  const values = fc.record(
    {
      id: fc.nat(0xffffffff),
      inner: fc.record({ port: fc.nat(0xffff), name }, { requiredKeys: [], noNullPrototype: true }),
      list: fc.array(fc.nat(0xffffffff), { maxLength: 4 }),
      unknown: fc.array(unknown, { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: [], noNullPrototype: true },
  );
  fc.assert(
    fc.property(values, (given) => {
      const writer = new Writer();
      set.encode(writer, given);
      const octets = writer.finish();
      assert.deepEqual(set.decode(viewOf(octets), 0, octets.length), given);
      for (let end = 0; end < octets.length; end++) total(() => set.decode(viewOf(octets), 0, end));
    }),
  );
});

test("a value shorter than its type is refused, a longer one is read from its start", () => {
  assert.throws(() => set.decode(viewOf(hex("0700010001020300")), 0, 8), { code: "badAttribute" });
  assert.deepEqual(set.decode(viewOf(hex("0c0001000100000002000000")), 0, 12), { id: 1 });
  assert.deepEqual(anyOctets.decode(viewOf(hex("0102")), 1, 1), hex("02"));
});
