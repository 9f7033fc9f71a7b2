import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { notification } from "../message/errors.ts";
import { CeaseReason } from "../message/iana.ts";
import { cease, describeNotification, shutdownText } from "./notification.ts";

test("a NOTIFICATION reads as code, subcode and words", () => {
  assert.equal(describeNotification(notification(2, 2)), "OPEN Message Error: Bad Peer AS (2/2)");
  assert.equal(describeNotification(notification(4, 0)), "Hold Timer Expired (4/0)");
  assert.equal(describeNotification(notification(99, 1)), "unknown error (99/1)");
  assert.equal(
    describeNotification(cease(CeaseReason.administrativeReset, "new filters")),
    'Cease: Administrative Reset (6/4): "new filters"',
  );
});

test("RFC 9003: a text comes back as it was, cut at a character when it is long", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (text) => {
      const message = cease(CeaseReason.administrativeShutdown, text);
      const read = shutdownText(message) ?? "";
      const plain = text.replaceAll(/\p{Cc}/gu, " ");
      assert.ok(plain.startsWith(read));
      assert.ok(message.data.length <= 256);
      if (Buffer.byteLength(text) <= 255) assert.equal(read, plain);
    }),
  );
});

test("RFC 9003: what is no UTF-8, cut short, or of another subcode is no text", () => {
  assert.equal(shutdownText(notification(6, 2, Uint8Array.of(2, 0xff, 0xfe))), undefined);
  assert.equal(shutdownText(notification(6, 2, Uint8Array.of(9, 65))), undefined);
  assert.equal(shutdownText(notification(6, 1, Uint8Array.of(1, 65))), undefined);
  assert.deepEqual([...cease(CeaseReason.maximumPrefixes, "no").data], []);
});

test("a text of the peer's does not act on the terminal", () => {
  assert.equal(shutdownText(cease(CeaseReason.administrativeShutdown, "a\u001b[2Jb")), "a [2Jb");
});
