import assert from "node:assert/strict";
import { test } from "node:test";
import { create, createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { runs } from "../testing/runs.ts";
import {
  bool,
  bytes,
  decode,
  encode,
  int64,
  type Message,
  message,
  nested,
  octetText,
  optional,
  ProtobufError,
  repeated,
  signedId,
  string,
  unsignedId,
} from "./protobuf.ts";

interface Sample {
  readonly count: number;
  readonly flag: boolean;
  readonly octets: Uint8Array;
  readonly text: string;
  readonly id: bigint;
  readonly unsigned: bigint;
  readonly maybe: number | undefined;
  readonly numbers: readonly number[];
  readonly child: Sample | undefined;
  readonly children: readonly Sample[];
  readonly texts: readonly string[];
}

const sample: Message<Sample> = message({
  count: [1, int64],
  flag: [2, bool],
  octets: [3, bytes],
  text: [4, string],
  id: [5, signedId],
  unsigned: [6, unsignedId],
  maybe: [7, optional(int64)],
  numbers: [8, repeated(int64)],
  child: [9, nested((): Message<Sample> => sample)],
  children: [10, repeated(nested((): Message<Sample> => sample))],
  texts: [200, repeated(string)],
});

/** The same message for the library that is the oracle. */
function oracle() {
  const rows: readonly [string, number, Type, Label?][] = [
    ["count", 1, Type.INT64],
    ["flag", 2, Type.BOOL],
    ["octets", 3, Type.BYTES],
    ["text", 4, Type.STRING],
    ["id", 5, Type.INT64],
    ["unsigned", 6, Type.UINT64],
    ["maybe", 7, Type.INT64],
    ["numbers", 8, Type.INT64, Label.REPEATED],
    ["child", 9, Type.MESSAGE],
    ["children", 10, Type.MESSAGE, Label.REPEATED],
    ["texts", 200, Type.STRING, Label.REPEATED],
  ];
  const field = rows.map(([name, number, type, label = Label.OPTIONAL]) =>
    create(FieldDescriptorProtoSchema, {
      name,
      number,
      type,
      label,
      ...(type === Type.MESSAGE && { typeName: ".test.Sample" }),
      ...(name === "maybe" && { proto3Optional: true, oneofIndex: 0 }),
    }),
  );
  const file = create(FileDescriptorProtoSchema, {
    name: "sample.proto",
    package: "test",
    syntax: "proto3",
    messageType: [{ name: "Sample", field, oneofDecl: [{ name: "_maybe" }] }],
  });
  return createFileRegistry(file, () => undefined).getMessage("test.Sample")!;
}

const integer = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.nat(300));
const scalars = {
  count: integer,
  flag: fc.boolean(),
  octets: fc.uint8Array(),
  text: fc.string({ unit: "grapheme" }),
  id: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
  unsigned: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  maybe: fc.option(integer, { nil: undefined }),
  numbers: fc.array(integer),
  texts: fc.array(fc.string({ maxLength: 200 })),
};
const within = (inner: fc.Arbitrary<Sample>): fc.Arbitrary<Sample> =>
  fc.record({ ...scalars, child: fc.option(inner, { nil: undefined }), children: fc.array(inner, { maxLength: 3 }) });
const leaves = fc.record({ ...scalars, child: fc.constant(undefined), children: fc.constant([]) });
const samples = within(within(leaves));

const forOracle = (value: Sample): Record<string, unknown> => ({
  ...value,
  count: BigInt(value.count),
  numbers: value.numbers.map(BigInt),
  ...(value.maybe === undefined ? { maybe: undefined } : { maybe: BigInt(value.maybe) }),
  child: value.child && forOracle(value.child),
  children: value.children.map(forOracle),
});

/** Views of a pool of octets compare by what they show. */
const plain = (value: Sample): unknown => ({
  ...value,
  octets: Uint8Array.from(value.octets),
  child: value.child && plain(value.child),
  children: value.children.map(plain),
});

test("random messages have the octets that protobuf-es gives them, and read back", () => {
  const type = oracle();
  fc.assert(
    fc.property(samples, (value) => {
      const octets = encode(sample, value);
      const theirs = toBinary(type, create(type, forOracle(value) as never));
      assert.deepEqual(Uint8Array.from(octets), Uint8Array.from(theirs));
      assert.deepEqual(plain(decode(sample, theirs)), plain(value));
    }),
  );
});

test("any octets give a value or ProtobufError; what we accept, protobuf-es reads alike", () => {
  const type = oracle();
  let accepted = 0;
  const mutated = fc
    .tuple(samples, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }))
    .map(([value, changes]) => {
      const octets = Uint8Array.from(encode(sample, value));
      for (const [at, octet] of changes) if (octets.length > 0) octets[at % octets.length] = octet;
      return octets;
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), mutated), (octets) => {
      let value: Sample;
      try {
        value = decode(sample, octets);
      } catch (failure) {
        assert.ok(failure instanceof ProtobufError, String(failure));
        return;
      }
      accepted++;
      // A known field of another wire type is unknown to us; protobuf-es reads it as its own type all the same.
      if (!hasOwnWireTypes(octets)) return;
      let theirs: { count: bigint; id: bigint; children: unknown[] };
      try {
        theirs = fromBinary(type, octets) as never;
      } catch {
        return; // Stricter than we are: text that is not UTF-8, for one.
      }
      assert.deepEqual([value.id, value.children.length], [theirs.id, theirs.children.length]);
      if (Number.isSafeInteger(value.count)) assert.equal(BigInt(value.count), theirs.count);
    }),
    { numRuns: runs(500) },
  );
  assert.ok(accepted > 50);
});

test("packed and unpacked numbers read alike, unknown fields and groups are skipped", () => {
  assert.deepEqual(decode(sample, Uint8Array.of(0x40, 1, 0x40, 0x96, 1)).numbers, [1, 150]);
  assert.deepEqual(decode(sample, Uint8Array.of(0x42, 3, 1, 0x96, 1)).numbers, [1, 150]);
  const group = [0xa3, 6, 0x08, 1, 0xa3, 6, 0xa4, 6, 0xa4, 6]; // Field 100, a group within a group.
  const unknown = [0xa5, 6, 1, 2, 3, 4, 0xa1, 6, 1, 2, 3, 4, 5, 6, 7, 8, 0xaa, 6, 2, 9, 9];
  assert.equal(decode(sample, Uint8Array.from([...group, ...unknown, 0x08, 7])).count, 7);
});

test("one character stands for each octet of an octet text, and sorts as the octets do", () => {
  const type = message({ key: [1, octetText] });
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
      const [x, y] = [a, b].map((octets) => decode(type, encode(message({ key: [1, bytes] }), { key: octets })).key);
      assert.equal(Buffer.compare(a, b), x! < y! ? -1 : x! > y! ? 1 : 0);
      assert.deepEqual(Buffer.from(x!, "latin1"), Buffer.from(a));
    }),
  );
});

test("depth is bounded", () => {
  let value: Partial<Sample> = {};
  for (let depth = 0; depth < 100; depth++) value = { child: value as Sample };
  const octets = encode(sample, value);
  assert.throws(() => decode(sample, octets), ProtobufError);
  assert.throws(() => decode(sample, Buffer.alloc(1000, 0x0b)), ProtobufError);
});

/** Of the fields of `sample`: 0 varint, 2 with a length. Only called for octets that decode. */
const WIRE_TYPES = new Map([
  [2, 0],
  [1, 0],
  [3, 2],
  [4, 2],
  [5, 0],
  [6, 0],
  [7, 0],
  [9, 2],
  [10, 2],
  [200, 2],
]);

/** Whether every field of the sample has its own wire type, in nested ones too. Field 8 may be packed or not. */
function hasOwnWireTypes(octets: Uint8Array): boolean {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const octet = octets[at++] ?? 0;
      if (shift < 28) value |= (octet & 127) << shift;
      if (octet < 128) return value >>> 0;
    }
  };
  while (at < octets.length) {
    const tag = varint();
    const [number, wireType] = [tag >>> 3, tag & 7];
    const own = WIRE_TYPES.get(number);
    if (own !== undefined && own !== wireType) return false;
    if (wireType === 0) varint();
    else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else {
      const length = varint();
      if ((number === 9 || number === 10) && !hasOwnWireTypes(octets.subarray(at, at + length))) return false;
      at += length;
    }
  }
  return true;
}
