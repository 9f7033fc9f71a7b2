import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  decodeAnswer,
  encodeAnswer,
  encodeCall,
  MAX_ANSWER_OCTETS,
  type PluginCall,
  PluginCallReader,
  ProtocolError,
} from "./plugin-call.ts";

const name = fc.stringMatching(/^[A-Z_]{1,12}$/);
const value = fc.string({ unit: "binary" }).map((text) => text.replaceAll("\0", ""));
const call = fc.record({
  args: fc.array(fc.stringMatching(/^[a-z/]{1,20}$/), { minLength: 1, maxLength: 3 }),
  env: fc.dictionary(name, value, { maxKeys: 5 }),
  stdin: fc.string(),
});

const wellFormed = (text: string): string => Buffer.from(text).toString("utf8");

test("a call arrives whole however its octets are cut", () => {
  fc.assert(
    fc.property(call, fc.array(fc.integer({ min: 1, max: 40 })), ({ args, env, stdin }, cuts) => {
      const octets = encodeCall({ args, env, stdin: Buffer.from(stdin) });
      const reader = new PluginCallReader();
      let got: PluginCall | undefined;
      for (let at = 0, cut = 0; at < octets.length; cut++) {
        assert.equal(got, undefined, "the call was whole before its end");
        const end = at + (cuts[cut] ?? octets.length);
        got = reader.push(octets.subarray(at, end));
        at = end;
      }
      assert.ok(got);
      assert.equal(got.program, (args[0] ?? "").slice((args[0] ?? "").lastIndexOf("/") + 1));
      assert.equal(got.stdin, wellFormed(stdin));
      assert.deepEqual(
        { ...got.env },
        Object.fromEntries(Object.entries(env).map(([key, text]) => [key, wellFormed(text)])),
      );
    }),
  );
});

test("any octets give a call, a wait for more, or our own error", () => {
  const head = Uint8Array.of(0xca, 0x11, 0xc0, 0x01);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (octets, hasHead) => {
      const reader = new PluginCallReader();
      try {
        if (hasHead) reader.push(head);
        reader.push(octets);
      } catch (failure) {
        assert.ok(failure instanceof ProtocolError, String(failure));
      }
    }),
  );
});

test("chunks over the limits are refused before they are kept", () => {
  const reader = new PluginCallReader();
  const huge = Uint8Array.of(0xca, 0x11, 0xc0, 0x01, 0xff, 0xff, 0xff, 0x7f);
  assert.throws(() => reader.push(huge), {
    code: "tooLong",
    message: /arguments or environment .* exceed 2097152 octets/,
  });
  const long = new PluginCallReader();
  const input = Buffer.alloc((1 << 20) + 1);
  assert.throws(() => long.push(encodeCall({ args: ["x"], env: {}, stdin: input })), {
    code: "tooLong",
    message: /standard input/,
  });
  assert.throws(() => new PluginCallReader().end(), { code: "cutShort" });
});

test("answers are read whole or not at all, and one that is too long says so", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 255 }), fc.string(), fc.nat(), (exitCode, stdout, cut) => {
      const octets = encodeAnswer({ exitCode, stdout });
      assert.deepEqual(decodeAnswer(octets), { exitCode, stdout: wellFormed(stdout) });
      assert.throws(() => decodeAnswer(octets.subarray(0, cut % octets.length)), { code: "cutShort" });
    }),
  );
  const tooLong = decodeAnswer(encodeAnswer({ exitCode: 0, stdout: "x".repeat(MAX_ANSWER_OCTETS + 1) }));
  assert.equal(tooLong.exitCode, 1);
  assert.match(tooLong.stdout, /the plugin passes on at most 65531/);
});
