import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cuts, messages } from "../../testing/bgp-messages.ts";
import { contextOf, encodedMessages, messageOctets } from "../../testing/bgp-values.ts";
import { BgpDecodeError } from "./errors.ts";
import { Framer } from "./framer.ts";

/** All that a framer gives for a stream in pieces of these lengths, again and again. */
function framesOf(stream: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const framer = new Framer();
  const frames: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < stream.length; turn++) {
    const length = lengths[turn % lengths.length] ?? 1;
    framer.push(stream.slice(at, at + length));
    at += length;
    for (let frame = framer.next(); frame; frame = framer.next()) frames.push(frame);
  }
  return frames;
}

test("every split of a stream gives the same messages", () => {
  fc.assert(
    fc.property(fc.array(messages, { maxLength: 10 }), cuts, (sent, lengths) => {
      const octets = sent.flatMap((message) => encodedMessages(message, contextOf()));
      assert.deepEqual(framesOf(Buffer.concat(octets), lengths).map(Buffer.from), octets.map(Buffer.from));
    }),
  );
});

test("every split in two of a short stream gives the same messages", () => {
  const sent = [messageOctets(4, ""), messageOctets(3, "0602"), messageOctets(5, "00010001")];
  const stream = Uint8Array.from(Buffer.concat(sent));
  for (let at = 1; at < stream.length; at++) assert.deepEqual(framesOf(stream, [at, stream.length]), sent);
});

test("messages wait for whoever draws them slowly, in their order", () => {
  const framer = new Framer();
  const sent = Array.from({ length: 5 }, (_, index) => messageOctets(3, `060${index}`));
  for (const octets of sent) framer.push(octets);
  assert.equal(framer.waitingOctets, 5 * 21);
  assert.deepEqual(framer.next(), sent[0]);
  assert.equal(framer.waitingOctets, 4 * 21);
  framer.push(messageOctets(4, ""));
  assert.deepEqual([framer.next(), framer.next(), framer.next(), framer.next()], sent.slice(1));
  assert.deepEqual(framer.next(), messageOctets(4, ""));
  assert.equal(framer.next(), undefined);
});

const head = (length: number, type: number): Uint8Array => {
  const octets = messageOctets(type, "");
  new DataView(octets.buffer).setUint16(16, length);
  return octets;
};

const lengthError = (length: number) => ({ subcode: 2, data: Uint8Array.of(length >> 8, length & 255) });
const desynchronized = messageOctets(4, "");
desynchronized[15] = 0xfe;

const refused: readonly (readonly [what: string, octets: Uint8Array, answer: { subcode: number; data: Uint8Array }])[] =
  [
    ["a marker that is not all ones", desynchronized, { subcode: 1, data: new Uint8Array(0) }],
    ["a length below a header's", head(18, 4), lengthError(18)],
    ["a length above 4096", head(4097, 2), lengthError(4097)],
    ["an OPEN of 28 octets", head(28, 1), lengthError(28)],
    ["an UPDATE of 22 octets", head(22, 2), lengthError(22)],
    ["a NOTIFICATION of 20 octets", head(20, 3), lengthError(20)],
    ["a KEEPALIVE of 20 octets", head(20, 4), lengthError(20)],
    ["a ROUTE-REFRESH of 22 octets", head(22, 5), lengthError(22)],
    ["a message of type 6", head(19, 6), { subcode: 3, data: Uint8Array.of(6) }],
    ["a message of type 0", head(19, 0), { subcode: 3, data: Uint8Array.of(0) }],
  ];

for (const [what, octets, answer] of refused) {
  test(`${what} is refused before more of it is kept (RFC 4271 section 6.1)`, () => {
    for (const lengths of [[19], [1]]) {
      assert.throws(
        () => framesOf(octets, lengths),
        (error) => {
          assert.ok(error instanceof BgpDecodeError);
          assert.equal(error.code, "badHeader");
          assert.deepEqual(error.detail.notification, { type: "notification", code: 1, ...answer });
          return true;
        },
      );
    }
  });
}

test("longer messages are taken once that is agreed, OPEN and KEEPALIVE excepted (RFC 8654)", () => {
  const long = messageOctets(2, "00".repeat(60000));
  const framer = new Framer();
  framer.limit = 65535;
  framer.push(long);
  assert.deepEqual(framer.next(), long);
  framer.push(head(4097, 1));
  assert.throws(() => framer.next(), { code: "badHeader" });
});
