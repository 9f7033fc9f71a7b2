/** The plugin executable for a processor and a socket: about a kilobyte, no C library, no runtime. */
import { Arm64Machine } from "./arm64.ts";
import { ELF_MACHINE, elfExecutable } from "./elf.ts";
import type { Machine } from "./machine.ts";
import { writePluginProgram } from "./program.ts";
import { X64Machine } from "./x64.ts";

/** As Node.js names processors. */
export type Processor = keyof typeof ELF_MACHINE;

const machineFor = (processor: Processor): Machine => (processor === "x64" ? new X64Machine() : new Arm64Machine());

export const isSupportedProcessor = (name: string): name is Processor => Object.hasOwn(ELF_MACHINE, name);

/** The file's octets, to be written with mode 0755. Throws PluginError `pathTooLong` for a socket path over 107 octets. */
export function emitPlugin(processor: Processor, socketPath: string): Uint8Array {
  const machine = machineFor(processor);
  writePluginProgram(machine, socketPath);
  return elfExecutable(ELF_MACHINE[processor], machine.finish());
}
