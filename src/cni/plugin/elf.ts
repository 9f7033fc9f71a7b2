/**
 * A static ELF executable around a piece of position-independent code: one read-only executable segment that holds
 * everything, a stack that is not executable, and section headers so that `objdump -d` shows the code. System V ABI,
 * gabi 4.1; linux/elf.h.
 */
import { Writer } from "../../wire/writer.ts";
import type { MachineCode } from "./machine.ts";

/** e_machine. */
export const ELF_MACHINE = { x64: 62, arm64: 183 } as const;

const BASE = 0x400000;
const HEADER_OCTETS = 64;
const PROGRAM_HEADER_OCTETS = 56;
const SECTION_HEADER_OCTETS = 64;
/** Covers the page size of every Linux on these processors. */
const ALIGNMENT = 0x10000;
const NAMES = "\0.text\0.rodata\0.shstrtab\0";

const PT_LOAD = 1;
const PT_GNU_STACK = 0x6474e551;
const READ_WRITE = 6;
const READ_EXECUTE = 5;
const SHT_PROGBITS = 1;
const SHT_STRTAB = 3;
const SHF_ALLOC = 2;
const SHF_ALLOC_EXECUTE = 6;

/** The file, to be written with mode 0755. Execution starts at the first instruction. */
export function elfExecutable(machine: number, { code, data }: MachineCode): Uint8Array {
  const out = new Writer(2048);
  const codeOffset = HEADER_OCTETS + 2 * PROGRAM_HEADER_OCTETS;
  const dataOffset = codeOffset + code.length;
  const namesOffset = dataOffset + data.length;
  const sectionsOffset = Math.ceil((namesOffset + NAMES.length) / 8) * 8;
  out.octets(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
  out.u16Host(2); // ET_EXEC
  out.u16Host(machine);
  out.u32Host(1);
  out.u64Host(BigInt(BASE + codeOffset));
  out.u64Host(BigInt(HEADER_OCTETS));
  out.u64Host(BigInt(sectionsOffset));
  out.u32Host(0);
  for (const count of [HEADER_OCTETS, PROGRAM_HEADER_OCTETS, 2, SECTION_HEADER_OCTETS, 4, 3]) out.u16Host(count);
  programHeader(out, PT_LOAD, READ_EXECUTE, BASE, namesOffset, ALIGNMENT);
  programHeader(out, PT_GNU_STACK, READ_WRITE, 0, 0, 16);
  out.octets(code);
  out.octets(data);
  out.octets(Buffer.from(NAMES, "latin1"));
  out.zeros(sectionsOffset - out.length);
  out.zeros(SECTION_HEADER_OCTETS);
  sectionHeader(out, 1, SHT_PROGBITS, SHF_ALLOC_EXECUTE, BASE + codeOffset, codeOffset, code.length);
  const at = BASE + dataOffset;
  sectionHeader(out, NAMES.indexOf(".rodata"), SHT_PROGBITS, SHF_ALLOC, at, dataOffset, data.length);
  sectionHeader(out, NAMES.indexOf(".shstrtab"), SHT_STRTAB, 0, 0, namesOffset, NAMES.length);
  return out.finish().slice();
}

function programHeader(out: Writer, type: number, flags: number, address: number, size: number, align: number): void {
  out.u32Host(type);
  out.u32Host(flags);
  for (const field of [0, address, address, size, size, align]) out.u64Host(BigInt(field));
}

function sectionHeader(
  out: Writer,
  name: number,
  type: number,
  flags: number,
  address: number,
  offset: number,
  size: number,
): void {
  out.u32Host(name);
  out.u32Host(type);
  for (const field of [flags, address, offset, size]) out.u64Host(BigInt(field));
  out.u32Host(0);
  out.u32Host(0);
  out.u64Host(1n);
  out.u64Host(0n);
}
