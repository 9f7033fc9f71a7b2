/**
 * A virtual machine without hardware support (QEMU's TCG), for kernel features that the test machine's own kernel lacks.
 * It boots Debian's kernel from a disk that is made anew, with an init of ours: no initramfs, since ext4 and NVMe are part
 * of that kernel. A file of tests runs inside; each test is reported as if it had run here.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { type VmKernel, vmKernel } from "../../tools/vm-kernel.ts";
import { makeImage } from "./image.ts";

/** One test of a guest that has ended; `error` is empty when it passed. */
export interface GuestTest {
  readonly name: string;
  readonly error: string;
}

const QEMU = "qemu-system-x86_64";
const NEEDED = [QEMU, "busybox", "mke2fs", "ldd", "tcpdump", "ping", "ip"];
const MEMORY_MEBIBYTES = 1_024;
/** With two, each emulated by a thread of its own, Node died or stood still in one run of three, for reasons unknown. */
const CPUS = 1;
/** Lines of its console that tell why a machine ended early. */
const SHOWN_LINES = 30;

/**
 * `no_timer_check`: the kernel would count ticks of the timer during ten of them, and panic ("IO-APIC + timer doesn't
 * work") when a busy machine gave the emulator no time for more than four.
 */
const KERNEL_WORDS = [
  ...["root=/dev/nvme0n1", "rootfstype=ext4", "rw", "init=/init", "console=ttyS0"],
  ...["quiet", "panic=-1", "no_timer_check"],
];

const paths = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/sbin"];
const isHere = (command: string): boolean => paths.some((folder) => fs.existsSync(path.join(folder, command)));

/** Why virtual machines cannot run here; undefined when they can. */
export function whyNoMachines(): string | undefined {
  if (os.arch() !== "x64") return "virtual machines are made of x86-64 packages";
  const missing = NEEDED.filter((command) => !isHere(command));
  if (missing.length > 0) return `needs ${missing.join(", ")}, which 'npm test' installs as root on Debian`;
  return vmKernel() ? undefined : "needs Debian's linux-image-cloud-amd64, which 'npm test' unpacks where apt can";
}

/** Runs a guest's file of tests, a path in the checkout, to its end. Rejects when the machine ends before its tests do. */
export async function runInMachine(guestFile: string, timeoutMs: number): Promise<readonly GuestTest[]> {
  const kernel = vmKernel();
  if (!kernel) throw new Error("no kernel for virtual machines is unpacked");
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-vm-"));
  const consoleFile = path.join(folder, "console.log");
  try {
    makeImage(path.join(folder, "disk"), kernel, guestFile);
    const qemu = boot(kernel, path.join(folder, "disk"), consoleFile);
    const tests = await testsOf(qemu, timeoutMs);
    if (tests.length > 0) return tests;
    throw new Error(`the machine ended without a test:\n${lastLines(consoleFile)}`);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function boot({ image }: VmKernel, disk: string, consoleFile: string): ChildProcess {
  return spawn(
    QEMU,
    [
      ...[
        "-accel",
        "tcg,thread=single",
        "-machine",
        "q35",
        "-cpu",
        "max",
        "-smp",
        `${CPUS}`,
        "-m",
        `${MEMORY_MEBIBYTES}`,
      ],
      ...["-nodefaults", "-display", "none", "-no-reboot", "-kernel", image, "-append", KERNEL_WORDS.join(" ")],
      ...["-drive", `file=${disk},format=raw,if=none,id=disk,cache=unsafe`, "-device", "nvme,drive=disk,serial=disk"],
      ...["-serial", `file:${consoleFile}`, "-serial", "stdio"],
    ],
    { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, PATH: paths.join(":") } },
  );
}

/** What a guest tells until it is switched off. */
async function testsOf(qemu: ChildProcess, timeoutMs: number): Promise<GuestTest[]> {
  const tests: GuestTest[] = [];
  if (qemu.stdout) {
    createInterface({ input: qemu.stdout }).on("line", (line) => {
      if (line.startsWith("{")) tests.push(JSON.parse(line) as GuestTest);
    });
  }
  const ended = once(qemu, "close");
  const deadline = setTimeout(() => qemu.kill("SIGKILL"), timeoutMs);
  try {
    await ended;
  } finally {
    clearTimeout(deadline);
  }
  return tests;
}

const lastLines = (file: string): string =>
  fs.existsSync(file) ? fs.readFileSync(file, "utf8").trimEnd().split("\n").slice(-SHOWN_LINES).join("\n") : "";
