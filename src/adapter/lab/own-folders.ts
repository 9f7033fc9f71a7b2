/**
 * A lab host's own part of the file system. Some folders (`/etc/cni`, `/var/lib/calico` …) belong to each host; they
 * may be missing on the machine, and nothing on the machine may change. So the supervisor, in its own mount namespace,
 * lays a tmpfs over each of their parents, filled with links to what was there and with empty mount points for
 * what is the hosts' own; each host then binds its folders from the lab's folder.
 */
import fs from "node:fs";
import path from "node:path";
import type { HostFiles, HostFolders } from "../../port/host-folders.ts";
import type { NetNamespace } from "../../port/namespaces.ts";
import { KernelError } from "../../port/netlink.ts";
import type { Place } from "../../port/places.ts";
import { call } from "../linux/libc.ts";
import { bindMount, detachMount, setHostname, sysfsMount, tmpfsMount } from "../linux/mounts.ts";

interface Parent {
  readonly path: string;
  readonly folders: readonly string[];
  readonly files?: readonly string[];
}

/** What each host has for itself, by parent. */
const PARENTS: readonly Parent[] = [
  { path: "/etc", folders: ["cni", "calico"], files: ["hostname", "hosts", "resolv.conf"] },
  { path: "/opt", folders: ["cni"] },
  { path: "/var/lib", folders: ["calico", "cni"] },
  { path: "/var/log", folders: ["calico"] },
  { path: "/run", folders: ["calico", "netns", "bird", "frr"] },
];

/** What a router has for itself: where BIRD and FRR are spoken to. */
const ROUTER_FOLDERS = ["/run/bird", "/run/frr"];

/** The machine's name servers are out of reach from a lab: refused at once is better than a timeout of ten seconds. */
const NO_NAME_SERVICE = "# A lab has no name service; its hosts are in /etc/hosts.\nnameserver 127.0.0.1\n";

/** Where distributions put the standard plugins. */
const STANDARD_PLUGIN_FOLDERS = ["/usr/lib/cni", "/usr/libexec/cni"];
/** What an agent installs on its host itself. */
const OWN_PLUGINS = ["calico", "calico-ipam", "install"];
/** Below the lab's folder: what the masked parents hid. */
const ORIGINALS = "mnt";

const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;

/** Prepares the supervisor's mount namespace. `labFolder` stays reachable by its path. */
export function maskParents(labFolder: string): void {
  const originals = path.join(labFolder, ORIGINALS);
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

export class OwnFolders implements HostFolders {
  readonly #labFolder: string;

  constructor(labFolder: string) {
    this.#labFolder = labFolder;
  }

  create(host: string, files: HostFiles): string {
    const folder = path.join(this.#labFolder, "hosts", host);
    for (const parent of PARENTS) {
      for (const name of parent.folders) fs.mkdirSync(path.join(folder, parent.path, name), { recursive: true });
    }
    this.#linkStandardPlugins(path.join(folder, "opt/cni/bin"));
    fs.writeFileSync(path.join(folder, "etc/hostname"), `${files.hostname}\n`);
    fs.writeFileSync(path.join(folder, "etc/hosts"), files.hosts);
    fs.writeFileSync(path.join(folder, "etc/resolv.conf"), NO_NAME_SERVICE);
    return folder;
  }

  /** A host that is ready for Kubernetes has the standard plugins, if this machine has them. */
  #linkStandardPlugins(bin: string): void {
    fs.mkdirSync(bin, { recursive: true });
    const originals = path.join(this.#labFolder, ORIGINALS, "opt/cni/bin");
    for (const folder of [originals, ...STANDARD_PLUGIN_FOLDERS]) {
      const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
      for (const name of names) {
        const link = path.join(bin, name);
        if (!OWN_PLUGINS.includes(name) && !fs.existsSync(link)) fs.symlinkSync(path.join(folder, name), link);
      }
    }
  }

  enterHost(folder: string, hostname: string): void {
    for (const parent of PARENTS) {
      for (const name of [...parent.folders, ...(parent.files ?? [])]) {
        bindMount(path.join(folder, parent.path, name), path.join(parent.path, name));
      }
    }
    setHostname(hostname);
    ownSysfs();
  }

  createRouter(router: string, files: Readonly<Record<string, string>>): string {
    const folder = path.join(this.#labFolder, "routers", router);
    for (const name of ROUTER_FOLDERS) {
      fs.mkdirSync(path.join(folder, name), { recursive: true });
      // FRR's daemons give up being root; nobody else comes as far as here.
      fs.chmodSync(path.join(folder, name), 0o777);
    }
    for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text);
    return folder;
  }

  enterRouter(folder: string, hostname: string): void {
    for (const name of ROUTER_FOLDERS) bindMount(path.join(folder, name), name);
    setHostname(hostname);
    ownSysfs();
  }

  enterPod(hostname: string): void {
    // Else this pod's copy of the mounts would keep the namespaces of its neighbours alive.
    detachMount(NETNS_FOLDER);
    setHostname(hostname);
    ownSysfs();
  }

  showNet(host: Place, name: string, net: NetNamespace): void {
    host.run(() => {
      const file = path.join(NETNS_FOLDER, name);
      fs.writeFileSync(file, "", { flag: "wx" });
      bindMount(`/proc/self/fd/${net.fd}`, file);
    });
  }

  hideNet(host: Place, name: string): void {
    host.run(() => {
      const file = path.join(NETNS_FOLDER, name);
      detachMount(file);
      fs.unlinkSync(file);
    });
  }

  outside(folder: string, inside: string): string {
    const clean = path.normalize(inside).replace(/^\/var\/run\//, "/run/");
    return path.join(folder, clean);
  }
}

/** Where `ip netns` and container runtimes show namespaces. */
const NETNS_FOLDER = "/run/netns";

/** `/sys/class/net` of the network namespace; left as it is where the machine itself hides parts of sysfs (containers). */
function ownSysfs(): void {
  try {
    sysfsMount("/sys");
  } catch (failure) {
    if (!(failure instanceof KernelError && failure.errno === "EPERM")) throw failure;
  }
}
