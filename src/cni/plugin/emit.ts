/** The plugin executable for a processor and a socket: about a kilobyte, no C library, no runtime. */
import { ELF_MACHINE, elfExecutable } from "./elf.ts";
import type { Machine } from "./machine.ts";
import { writePluginProgram } from "./program.ts";
import { X64Machine } from "./x64.ts";

/** As Node.js names processors. */
export type Processor = keyof typeof ELF_MACHINE;

const MACHINES: { readonly [processor: string]: () => Machine } = { x64: () => new X64Machine() };

export const isSupportedProcessor = (name: string): name is Processor => Object.hasOwn(MACHINES, name);

/** The file's octets, to be written with mode 0755. Throws PluginError `pathTooLong` for a socket path over 107 octets. */
export function emitPlugin(processor: Processor, socketPath: string): Uint8Array {
  const machine = MACHINES[processor]();
  writePluginProgram(machine, socketPath);
  return elfExecutable(ELF_MACHINE[processor], machine.finish());
}
