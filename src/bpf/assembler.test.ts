/** Octets of instructions as LLVM's assembler writes them (`llvm-mc -triple bpfel -mattr=+alu32 -show-encoding`, 14.0.6). */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Assembler, AssemblyError } from "./assembler.ts";
import { INSTRUCTION_OCTETS } from "./instruction.ts";

const rows: readonly (readonly [text: string, octets: string, write: (program: Assembler) => Assembler])[] = [
  ["r6 = r1", "bf16000000000000", (p) => p.alu("move", "r6", "r1")],
  ["r2 = 16", "b702000010000000", (p) => p.alu("move", "r2", 16)],
  ["w2 = w2", "bc22000000000000", (p) => p.alu32("move", "r2", "r2")],
  ["r2 >>= 4", "7702000004000000", (p) => p.alu("shiftRight", "r2", 4)],
  ["w2 >>= 16", "7402000010000000", (p) => p.alu32("shiftRight", "r2", 16)],
  ["r2 &= 3", "5702000003000000", (p) => p.alu("and", "r2", 3)],
  ["r0 ^= 65535", "a7000000ffff0000", (p) => p.alu("xor", "r0", 0xffff)],
  ["r3 += -40", "07030000d8ffffff", (p) => p.alu("add", "r3", -40)],
  ["r7 |= 3", "4707000003000000", (p) => p.alu("or", "r7", 3)],
  ["r2 = *(u32 *)(r6 + 16)", "6162100000000000", (p) => p.load(4, "r2", "r6", 16)],
  ["r2 = *(u16 *)(r10 - 42)", "69a2d6ff00000000", (p) => p.load(2, "r2", "r10", -42)],
  ["r2 = *(u8 *)(r10 - 28)", "71a2e4ff00000000", (p) => p.load(1, "r2", "r10", -28)],
  ["r2 = *(u64 *)(r1 + 8)", "7912080000000000", (p) => p.load(8, "r2", "r1", 8)],
  ["*(u32 *)(r10 - 52) = r2", "632accff00000000", (p) => p.store(4, "r10", -52, "r2")],
  ["*(u16 *)(r10 - 54) = r0", "6b0acaff00000000", (p) => p.store(2, "r10", -54, "r0")],
  ["*(u64 *)(r10 - 8) = r1", "7b1af8ff00000000", (p) => p.store(8, "r10", -8, "r1")],
  // LLVM 14 writes no stores of immediates; struct bpf_insn and BPF_ST | BPF_MEM | BPF_B of linux/bpf.h.
  ["*(u8 *)(r10 - 64) = 69", "720ac0ff45000000", (p) => p.store(1, "r10", -64, 69)],
  ["r2 = be16 r2", "dc02000010000000", (p) => p.toNetworkOrder16("r2")],
  ["call 26", "850000001a000000", (p) => p.call("loadBytes")],
  ["exit", "9500000000000000", (p) => p.exit()],
];

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex");

for (const [text, octets, write] of rows) {
  test(text, () => assert.equal(hex(write(new Assembler()).assemble()), octets));
}

test("a jump beyond the packet's end compares whole registers", () => {
  const program = new Assembler().jumpIfBeyond("r4", "r3", "end").exit(0).label("end").exit(2);
  // if r4 > r3 goto +2
  assert.equal(hex(program.assemble()).slice(0, 16), "2d34020000000000");
});

test("jumps count the instructions between them and their label", () => {
  const program = new Assembler()
    .jumpIf("r2", "notEqual", 8, "end")
    .jumpIf("r2", "above", 0xffff, "end")
    .jumpIf("r2", "equal", -1, "middle")
    .label("middle")
    .jumpIfResult("equal", "end")
    .goTo("end")
    .label("end")
    .exit();
  const expected = ["5602040008000000", "26020300ffff0000", "16020000ffffffff", "1500010000000000", "0500000000000000"];
  assert.equal(hex(program.assemble()), [...expected, "9500000000000000"].join(""));
});

test("a map takes two instructions, which jumps count as two", () => {
  const program = new Assembler().goTo("end").loadMap("r1", 7).label("end").exit();
  const expected = ["0500020000000000", "1811000007000000", "0000000000000000", "9500000000000000"];
  assert.equal(hex(program.assemble()), expected.join(""));
});

test("arguments are put in their registers, one that is there is left", () => {
  const program = new Assembler().call("lookupElement", "r1", { stack: -16 });
  assert.equal(hex(program.assemble()), "bfa200000000000007020000f0ffffff8500000001000000");
});

test("a jump to nowhere, a jump back and a label that stands twice are refused by name", () => {
  const refused = (program: () => unknown) => assert.throws(program, (error) => error instanceof AssemblyError);
  refused(() => new Assembler().goTo("nowhere").assemble());
  refused(() => new Assembler().label("back").goTo("back").assemble());
  refused(() => new Assembler().label("twice").label("twice"));
});

test("any jump over any number of instructions lands behind them", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 300 }), (count) => {
      const program = new Assembler().goTo("end");
      for (let index = 0; index < count; index++) program.alu("add", "r1", index);
      const octets = program.label("end").exit().assemble();
      assert.equal(octets.length, (count + 2) * INSTRUCTION_OCTETS);
      assert.equal(new DataView(octets.buffer, octets.byteOffset).getInt16(2, true), count);
    }),
  );
});
