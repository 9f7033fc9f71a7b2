/** Whatever arrives, the decoders give a value or NetlinkFormatError. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { tables } from "../../testing/memory-nftables-trees.ts";
import { runs } from "../../testing/runs.ts";
import { Writer } from "../../wire/writer.ts";
import { NetlinkFormatError } from "../message.ts";
import { type ElementShape, entriesOf, type RawElement, readElements } from "./element-codec.ts";
import type { Expression } from "./expression.ts";
import { expressions, expressionsKey } from "./expression-codec.ts";
import {
  decodeChain,
  decodeElements,
  decodeGeneration,
  decodeRule,
  decodeSet,
  decodeTable,
  decodeTableKey,
} from "./object-decoder.ts";
import { writeChain, writeFamily, writeRule, writeSet, writeTable } from "./object-encoder.ts";
import { finished } from "./steps.ts";

const shapes: readonly ElementShape[] = [
  { name: "s", key: ["ipv4_addr"], interval: true },
  { name: "s", key: ["ipv4_addr", "inet_service"], interval: true },
  { name: "m", key: ["ifname"], data: "verdict" },
  { name: "m", key: ["mark"], data: ["ipv6_addr"] },
];

const decoders: readonly ((octets: Uint8Array) => unknown)[] = [
  decodeTableKey,
  decodeGeneration,
  decodeTable,
  decodeChain,
  decodeRule,
  decodeSet,
  ...shapes.map((shape) => (octets: Uint8Array) => {
    const { view } = decodeElements(octets);
    const raw: RawElement[] = [];
    readElements(view, 0, view.byteLength, shape, raw);
    return finished(entriesOf(shape, raw));
  }),
];

function onlyOurErrors(octets: Uint8Array): void {
  for (const decode of decoders) {
    try {
      decode(octets);
    } catch (failure) {
      assert.ok(failure instanceof NetlinkFormatError, String(failure));
    }
  }
}

/** Every object of a table, as its message says it. */
const payloads = tables("calico").map((table) => {
  const found: Uint8Array[] = [];
  const add = (write: (writer: Writer) => void): void => {
    const writer = new Writer();
    writeFamily(writer, "ip");
    write(writer);
    found.push(Uint8Array.from(writer.finish()));
  };
  add((writer) => writeTable(writer, { name: table.name, comment: "text" }));
  for (const [id, set] of [...(table.sets ?? []), ...(table.maps ?? [])].entries()) {
    add((writer) => writeSet(writer, table.name, set, id));
  }
  for (const chain of table.chains) {
    add((writer) => writeChain(writer, table, chain));
    for (const rule of chain.rules) add((writer) => writeRule(writer, table.name, chain.name, rule));
  }
  return found;
});

test("garbage is refused and nothing else happens", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), onlyOurErrors), { numRuns: runs(200) });
});

test("messages that are cut or altered anywhere are read or refused", () => {
  const damage = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(payloads, damage, fc.nat(400), (messages, changes, cut) => {
      for (const message of messages) {
        const octets = Uint8Array.from(message);
        for (const [at, value] of changes) if (octets.length > 0) octets[at % octets.length] = value;
        onlyOurErrors(octets);
        onlyOurErrors(octets.subarray(0, cut % (octets.length + 1)));
      }
    }),
    { numRuns: runs(150) },
  );
});

test("rules of every kind come back from octets as they were", () => {
  fc.assert(
    fc.property(tables("calico"), ({ chains }) => {
      for (const { rules, name } of chains) {
        for (const rule of rules) {
          const writer = new Writer();
          writeFamily(writer, "ip");
          writeRule(writer, "calico", name, rule);
          const decoded = decodeRule(writer.finish());
          assert.equal(decoded.chain, name);
          assert.equal(decoded.rule.comment, rule.comment);
          assert.equal(expressionsKey(decoded.rule.expressions), expressionsKey(rule.expressions));
        }
      }
    }),
  );
});

test("an expression that no row knows is kept octet for octet", () => {
  const list: Expression[] = [
    { name: "unknown", kernelName: "flow_offload", octets: "0800010063616c00" },
    { name: "unknown", kernelName: "ct", octets: "080001000000000108000200000000010500030001000000" },
  ];
  const writer = new Writer();
  expressions.encode(writer, list);
  const octets = writer.finish();
  const found = expressions.decode(new DataView(octets.buffer, octets.byteOffset, octets.length), 0, octets.length);
  assert.deepEqual(found, list);
});
