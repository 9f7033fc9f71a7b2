/** Whatever arrives, decoding gives a message or our own error, reads nothing beside the message, and can be told to people. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { captures } from "../../testing/bgp-captures.ts";
import { contextOf, encodedMessages, messageOctets } from "../../testing/bgp-values.ts";
import { FUZZED_MESSAGES, pseudoRandom } from "../../testing/fuzz.ts";
import type { DecodeContext } from "./codec-context.ts";
import { BgpDecodeError } from "./errors.ts";
import { decodeMessage } from "./message-codec.ts";
import { describeMessage } from "./message-text.ts";
import { describeNotification } from "./notification-text.ts";

const contexts: readonly DecodeContext[] = [
  contextOf({ peerType: "internal" }),
  contextOf({ peerType: "external", enhancedRouteRefresh: false }),
  contextOf({ peerType: "external", fourOctetAs: false, families: [4] }),
  contextOf({ peerType: "internal", fourOctetAs: false, families: [6], extendedMessage: true }),
];

/** Checks everything that must hold for any octets; tells what came of them. */
function examined(octets: Uint8Array, context: DecodeContext): string {
  const decoded = decodeMessage(octets, context);
  if (!decoded.ok) {
    assert.ok(decoded.error instanceof BgpDecodeError);
    const { notification } = decoded.error.detail;
    assert.ok(encodedMessages(notification, context)[0]);
    return `${decoded.error.message} ${describeNotification(notification)}`;
  }
  const { message } = decoded;
  if (message.type === "update" && message.malformed.some(({ action }) => action === "withdraw")) {
    assert.deepEqual(message.announced, [], "routes were announced that RFC 7606 withdraws");
  }
  return describeMessage(message);
}

/** The same octets between others; a decoder that reads beside its message gives itself away. */
function surrounded(octets: Uint8Array, by: number): Uint8Array {
  const around = new Uint8Array(octets.length + 64).fill(by);
  around.set(octets, 32);
  return around.subarray(32, 32 + octets.length);
}

test("any octets give a message or our error", () => {
  const context = fc.constantFrom(...contexts);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), context, (octets, one) => {
      examined(octets, one);
    }),
  );
  fc.assert(
    fc.property(fc.nat(6), fc.uint8Array({ maxLength: 200 }), context, (type, body, one) => {
      examined(messageOctets(type, Buffer.from(body).toString("hex")), one);
    }),
    { numRuns: 2000 },
  );
});

type Random = (below: number) => number;

/** One to four changes: octets overwritten, flipped, taken out, put in, doubled, and lengths that are off by little. */
function mutated(octets: Uint8Array, random: Random): Uint8Array {
  let found = [...octets];
  for (let change = 0; change <= random(4); change++) {
    const at = 19 + random(Math.max(found.length - 19, 1));
    const count = 1 + random(8);
    switch (random(6)) {
      case 0:
        found[at] = random(256);
        break;
      case 1:
        found[at] = (found[at] ?? 0) ^ (1 << random(8));
        break;
      case 2:
        found.splice(at, count);
        break;
      case 3:
        found.splice(at, 0, ...Array.from({ length: count }, () => random(256)));
        break;
      case 4:
        found.splice(at, 0, ...found.slice(at, at + 4 * count));
        break;
      default:
        found[at] = ((found[at] ?? 0) + (random(2) === 0 ? 1 : 255)) & 255;
    }
  }
  found = found.slice(0, 4096);
  const result = Uint8Array.from(found);
  if (random(16) > 0) new DataView(result.buffer).setUint16(16, result.length);
  return result;
}

test(`${FUZZED_MESSAGES} messages of others, altered anywhere, give a message or our error`, () => {
  const seed = Math.floor(Math.random() * 0xffffffff);
  const random = pseudoRandom(seed);
  for (let run = 0; run < FUZZED_MESSAGES; run++) {
    const octets = mutated(captures[random(captures.length)]?.octets ?? new Uint8Array(19), random);
    const context = contexts[random(contexts.length)] ?? contextOf();
    try {
      const told = examined(surrounded(octets, 0), context);
      if (run % 4 === 0) assert.equal(examined(surrounded(octets, 0xff), context), told);
    } catch (failure) {
      assert.fail(`seed ${seed}, octets ${Buffer.from(octets).toString("hex")}: ${String(failure)}`);
    }
  }
});
