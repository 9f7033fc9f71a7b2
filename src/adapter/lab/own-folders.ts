/**
 * A lab host's own part of the file system. Some folders (`/etc/cni`, `/var/lib/calico` …) belong to each host; they
 * may be missing on the machine, and nothing on the machine may change. So the supervisor, in its own mount namespace,
 * lays a tmpfs over each of their parents, filled with links to what was there and with empty mount points for
 * what is the hosts' own; each host then binds its folders from the lab's folder.
 */
import fs from "node:fs";
import path from "node:path";
import { KernelError } from "../../port/netlink.ts";
import type { Place } from "../../port/places.ts";
import { call } from "../linux/libc.ts";
import { bindMount, setHostname, sysfsMount, tmpfsMount } from "../linux/mounts.ts";

interface Parent {
  readonly path: string;
  readonly folders: readonly string[];
  readonly files?: readonly string[];
}

/** What each host has for itself, by parent. */
const PARENTS: readonly Parent[] = [
  { path: "/etc", folders: ["cni", "calico"], files: ["hostname", "hosts"] },
  { path: "/opt", folders: ["cni"] },
  { path: "/var/lib", folders: ["calico", "cni"] },
  { path: "/var/log", folders: ["calico"] },
  { path: "/run", folders: ["calico", "netns"] },
];

const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;

/** Prepares the supervisor's mount namespace. `labFolder` stays reachable by its path. */
export function maskParents(labFolder: string): void {
  const originals = path.join(labFolder, "mnt");
  fs.mkdirSync(originals, { recursive: true });
  tmpfsMount(originals);
  for (const parent of PARENTS) mask(parent, path.join(originals, parent.path), labFolder);
}

function mask(parent: Parent, original: string, labFolder: string): void {
  fs.mkdirSync(original, { recursive: true });
  bindMount(parent.path, original);
  const entries = fs.readdirSync(original, { withFileTypes: true });
  const links = new Map(entries.map((entry) => [entry.name, linkTarget(entry, original)]));
  // The original is reachable by this descriptor even where its path leads through what is masked now.
  const fd = call("open", [original, O_PATH | O_CLOEXEC, 0], original);
  try {
    tmpfsMount(parent.path);
    for (const [name, target] of links) {
      if (parent.folders.includes(name) || parent.files?.includes(name)) continue;
      const place = path.join(parent.path, name);
      if (`${labFolder}/`.startsWith(`${place}/`)) {
        fs.mkdirSync(place);
        bindMount(`/proc/self/fd/${fd}/${name}`, place);
      } else {
        fs.symlinkSync(target, place);
      }
    }
    for (const name of parent.folders) fs.mkdirSync(path.join(parent.path, name));
    for (const name of parent.files ?? []) fs.writeFileSync(path.join(parent.path, name), "");
  } finally {
    fs.closeSync(fd);
  }
}

/** A link of the original keeps its own target, since relative ones mean the parent. */
function linkTarget(entry: fs.Dirent, original: string): string {
  const place = path.join(original, entry.name);
  return entry.isSymbolicLink() ? fs.readlinkSync(place) : place;
}

export interface HostFiles {
  readonly hostname: string;
  /** Text of /etc/hosts. */
  readonly hosts: string;
}

/** Makes the folders of one host below `hostFolder`, outside of any host. Idempotent. */
export function makeHostFolders(hostFolder: string, files: HostFiles): void {
  for (const parent of PARENTS) {
    for (const name of parent.folders) fs.mkdirSync(path.join(hostFolder, parent.path, name), { recursive: true });
  }
  fs.mkdirSync(path.join(hostFolder, "opt/cni/bin"), { recursive: true });
  fs.writeFileSync(path.join(hostFolder, "etc/hostname"), `${files.hostname}\n`);
  fs.writeFileSync(path.join(hostFolder, "etc/hosts"), files.hosts);
}

/** Inside a new place: binds the host's own folders and names it. Whether it got a sysfs of its own is the answer. */
export function enterHostFolders(hostFolder: string, hostname: string): boolean {
  for (const parent of PARENTS) {
    for (const name of [...parent.folders, ...(parent.files ?? [])]) {
      bindMount(path.join(hostFolder, parent.path, name), path.join(parent.path, name));
    }
  }
  setHostname(hostname);
  return ownSysfs();
}

/** `/sys/class/net` of the network namespace; refused where the machine itself hides parts of sysfs (containers). */
export function ownSysfs(): boolean {
  try {
    sysfsMount("/sys");
    return true;
  } catch (failure) {
    if (failure instanceof KernelError && failure.errno === "EPERM") return false;
    throw failure;
  }
}

/** The path outside of a file in a host's own folders, undefined for a path that is not the host's own. */
export function outsidePath(hostFolder: string, inside: string): string | undefined {
  const clean = path.normalize(inside).replace(/^\/var\/run\//, "/run/");
  const own = PARENTS.some((parent) =>
    [...parent.folders, ...(parent.files ?? [])].some((name) => {
      const at = path.join(parent.path, name);
      return clean === at || clean.startsWith(`${at}/`);
    }),
  );
  return own ? path.join(hostFolder, clean) : undefined;
}

/** Makes a network namespace visible as `/run/netns/NAME` in a host. */
export function showNetNamespace(host: Place, name: string, fd: number): void {
  host.run(() => {
    const file = path.join("/run/netns", name);
    fs.writeFileSync(file, "", { flag: "wx" });
    bindMount(`/proc/self/fd/${fd}`, file);
  });
}
