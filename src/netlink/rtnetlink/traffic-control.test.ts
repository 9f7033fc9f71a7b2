/** Filters and qdiscs as the kernel shows them, octets from a dump of Linux 6.18, and what is written for them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Writer } from "../../wire/writer.ts";
import {
  bpfFilterAttributes,
  clsactBodyOf,
  filterHeaderOf,
  filterOf,
  filterOptionsOf,
  qdiscOf,
  trafficBody,
} from "./traffic-control.ts";

const octetsOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

test("a filter that the kernel shows", () => {
  const message = octetsOf(
    "00000000 03000000 01000000 f2ffffff 08000500" + // tcmsg: device, handle, clsact's ingress, priority and IPv4
      "08000100 62706600" + // TCA_KIND "bpf"
      "08000b00 00000000" + // TCA_CHAIN
      "34000200" + // TCA_OPTIONS
      "0b000700 6f63696361740000" + // TCA_BPF_NAME
      "08000b00 06020000" + // TCA_BPF_ID
      "0c000a00 7c85c77581178cdb" + // TCA_BPF_TAG
      "08000800 01000000" + // TCA_BPF_FLAGS
      "08000900 08000000", // TCA_BPF_FLAGS_GEN
  );
  assert.deepEqual(filterOf(trafficBody.decode(message)), {
    index: 3,
    direction: "ingress",
    priority: 5,
    protocol: 0x0800,
    handle: 1,
    name: "ocicat",
    programId: 518,
  });
});

test("what stands before the filters of a priority is no filter", () => {
  const message = octetsOf("00000000 03000000 00000000 f2ffffff 08000500 08000100 62706600 08000b00 00000000");
  assert.equal(filterOf(trafficBody.decode(message)), undefined);
});

test("other kinds of filters, and filters of other qdiscs, are none of ours", () => {
  const filter = (kind: string, parent: number) =>
    filterOf({ header: { ...clsactBodyOf(2).header, parent }, attributes: { kind, options: new Uint8Array() } });
  assert.equal(filter("u32", 0xfffffff2), undefined);
  assert.equal(filter("bpf", 0x00010000), undefined);
  assert.equal(filter("bpf", 0xfffffff3)?.direction, "egress");
});

test("any filter that is asked for reads as it was meant", () => {
  const filter = fc.record(
    {
      index: fc.integer({ min: 1, max: 0x7fffffff }),
      direction: fc.constantFrom("ingress" as const, "egress" as const),
      priority: fc.integer({ min: 1, max: 0xffff }),
      protocol: fc.integer({ min: 0, max: 0xffff }),
      handle: fc.integer({ min: 1, max: 0xffff }),
      name: fc.stringMatching(/^[a-z0-9_.]{1,60}$/),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(filter, (wanted) => {
      const options = new Writer();
      bpfFilterAttributes.encode(options, filterOptionsOf({ ...wanted, fd: 9 }));
      const writer = new Writer();
      trafficBody.encode(writer, filterHeaderOf(wanted), { kind: "bpf", options: options.finish() });
      assert.deepEqual(filterOf(trafficBody.decode(writer.finish())), wanted);
    }),
  );
});

test("a clsact is known by its kind", () => {
  const writer = new Writer();
  const { header, attributes } = clsactBodyOf(7);
  trafficBody.encode(writer, header, attributes);
  assert.deepEqual(qdiscOf(trafficBody.decode(writer.finish())), { index: 7, kind: "clsact" });
  assert.equal(Buffer.from(writer.finish()).toString("hex", 8, 16), "0000fffff1ffffff");
});
