import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatJson, parseJson } from "./json.ts";

test("integers above 2^53 survive digit for digit", () => {
  const text =
    '{"sequenceNumber":1760000000000000001,"list":[9007199254740993,-9007199254740993],"small":7,"float":1.5}';
  const value = parseJson(text) as { sequenceNumber: bigint };
  assert.equal(value.sequenceNumber, 1760000000000000001n);
  assert.equal(formatJson(value), text);
});

test("unknown fields and their order survive", () => {
  const text = '{"z":1,"a":{"y":null,"b":[true,""]},"m":"1760000000000000001"}';
  assert.equal(formatJson(parseJson(text)), text);
});

test("everything that JSON can say comes back as it was", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      assert.equal(formatJson(parseJson(text)), text);
    }),
  );
  fc.assert(
    fc.property(fc.bigInt({ min: 1n << 53n, max: (1n << 64n) - 1n }), (value) => {
      assert.deepEqual(parseJson(`{"n":${value}}`), { n: value });
      assert.equal(formatJson({ n: value }), `{"n":${value}}`);
    }),
  );
});

test("what is not JSON throws as JSON.parse does", () => {
  assert.throws(() => parseJson("{"), SyntaxError);
  assert.throws(() => parseJson('{"n":1760000000000000001'), SyntaxError);
});
