/** The disk of a virtual machine: Node, the checkout, kernel modules and a few tools of this machine, as ext4. */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import type { VmKernel } from "../../tools/vm-kernel.ts";
import { copyCheckout } from "../checkout-copy.ts";

const checkout = path.join(import.meta.dirname, "../..");
/** What tests look with, from this machine. */
const TOOLS = ["ip", "ping", "tcpdump"];
/** The sources, and what a guest's tests import of the tests. */
const SOURCES = ["src", "test/vm", "test/scenario", "tools"];
/** Folders of the kernel's modules that a network needs. */
const KERNEL_FOLDERS = ["net", "drivers/net", "lib", "crypto"];
const ROOM_MEBIBYTES = 64;

const run = (command: string, ...args: readonly string[]): string =>
  execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** Makes `file`, an image whose first process runs the tests of `guestFile`, a path in the checkout. */
export function makeImage(file: string, kernel: VmKernel, guestFile: string): void {
  const root = fs.mkdtempSync(`${file}-`);
  try {
    for (const folder of ["proc", "sys", "dev", "tmp", "run", "bin", "sbin", "checkout", "usr/bin"]) {
      fs.mkdirSync(path.join(root, folder), { recursive: true });
    }
    install(root, run("which", "busybox").trim(), "/bin/busybox");
    fs.symlinkSync("/bin/busybox", path.join(root, "bin/sh"));
    fs.symlinkSync("/bin/busybox", path.join(root, "sbin/modprobe"));
    for (const tool of TOOLS) installProgram(root, run("which", tool).trim(), `/usr/bin/${tool}`);
    installProgram(root, process.execPath, "/usr/bin/node");
    copyKernel(root, kernel);
    copyCheckout(path.join(root, "checkout"), SOURCES);
    fs.copyFileSync(path.join(checkout, "test/vm/guest/init"), path.join(root, "init"));
    fs.chmodSync(path.join(root, "init"), 0o755);
    fs.writeFileSync(path.join(root, "tests"), guestFile);
    // tcpdump asks who it shall be.
    fs.mkdirSync(path.join(root, "etc"));
    fs.writeFileSync(path.join(root, "etc/passwd"), "root::0:0:root:/:/bin/sh\n");
    const size = Math.ceil(Number(run("du", "-sm", root).split("\t")[0]) * 1.1) + ROOM_MEBIBYTES;
    run("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", root, file, `${size}M`);
  } finally {
    fs.rmSync(root, { recursive: true, force: true });
  }
}

function install(root: string, from: string, to: string): void {
  const target = path.join(root, to);
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.copyFileSync(from, target, fs.constants.COPYFILE_FICLONE);
  fs.chmodSync(target, 0o755);
}

/** A program with the libraries that its dynamic linker names. */
function installProgram(root: string, from: string, to: string): void {
  install(root, from, to);
  for (const [, library = ""] of run("ldd", from).matchAll(/(?:=> )?(\/\S+) \(0x/g)) install(root, library, library);
}

function copyKernel(root: string, { modules, release }: VmKernel): void {
  const target = path.join(root, "lib/modules", release);
  for (const folder of KERNEL_FOLDERS) {
    fs.cpSync(path.join(modules, "kernel", folder), path.join(target, "kernel", folder), { recursive: true });
  }
  for (const name of ["modules.order", "modules.builtin"]) {
    fs.copyFileSync(path.join(modules, name), path.join(target, name));
  }
  run("busybox", "depmod", "-b", root, release);
}
