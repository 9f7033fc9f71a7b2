/** What others send, read and written: values from octets and octets from values. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { captures } from "../../testing/bgp-captures.ts";
import { contextOf, encodedMessages } from "../../testing/bgp-values.ts";
import { decodeMessage } from "./message-codec.ts";

for (const { name, octets, context: more, message, differs } of captures) {
  test(`${name} is read, and written ${differs === undefined ? "the same" : `otherwise: ${differs}`}`, () => {
    const context = contextOf(more);
    assert.deepEqual(decodeMessage(octets, context), { ok: true, message });
    const [ours, ...others] = encodedMessages(message, context);
    assert.ok(ours);
    assert.equal(others.length, 0);
    if (differs === undefined) assert.deepEqual(ours, octets);
    else {
      assert.notDeepEqual(ours, octets);
      assert.deepEqual(decodeMessage(ours, context), { ok: true, message });
    }
  });
}
