/**
 * The kernel of the virtual machine tier: Debian's for clouds, unpacked in the user's cache and never installed.
 * It has as modules what the kernels of test machines lack: ipip, wireguard and others.
 */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

export interface VmKernel {
  /** `6.1.0-56-cloud-amd64`. */
  readonly release: string;
  readonly image: string;
  /** Its modules: a folder that has `kernel/`. */
  readonly modules: string;
}

const META_PACKAGE = "linux-image-cloud-amd64";
const cache = process.env["XDG_CACHE_HOME"] || path.join(os.homedir(), ".cache");
const folder = path.join(cache, "ocicat/vm-kernel");

/** The kernel that is unpacked here, the newest by name; undefined where there is none. */
export function vmKernel(): VmKernel | undefined {
  const boot = path.join(folder, "boot");
  const images = fs.existsSync(boot) ? fs.readdirSync(boot).filter((name) => name.startsWith("vmlinuz-")) : [];
  const newest = images.sort().at(-1);
  if (newest === undefined) return undefined;
  const release = newest.slice("vmlinuz-".length);
  return { release, image: path.join(boot, newest), modules: path.join(folder, "lib/modules", release) };
}

/** Downloads and unpacks it. Throws where apt cannot. */
export function fetchVmKernel(): void {
  const run = (command: string, args: readonly string[], cwd: string): string =>
    execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const [, name] = /Depends: (linux-image-\S+)/.exec(run("apt-cache", ["depends", META_PACKAGE], "/")) ?? [];
  if (name === undefined) throw new Error(`apt-cache knows no kernel that ${META_PACKAGE} depends on`);
  fs.mkdirSync(path.dirname(folder), { recursive: true });
  const work = fs.mkdtempSync(`${folder}-`);
  try {
    run("apt-get", ["download", name], work);
    const [file] = fs.readdirSync(work).filter((one) => one.endsWith(".deb"));
    if (file === undefined) throw new Error(`apt-get download ${name} left no package`);
    run("dpkg-deb", ["-x", file, "unpacked"], work);
    fs.rmSync(folder, { recursive: true, force: true });
    fs.renameSync(path.join(work, "unpacked"), folder);
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}
