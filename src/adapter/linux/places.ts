/**
 * Places of the real kernel, held by open descriptors alone: when the process ends, however it ends, they are gone.
 * setns(2), unshare(2), mount_namespaces(7). The working directory of the process must not matter to it: entering a
 * mount namespace moves it to `/`.
 */
import fs from "node:fs";
import type { NetNamespace } from "../../port/namespaces.ts";
import type { Place, PlacePaths, Places } from "../../port/places.ts";
import { call } from "./libc.ts";
import { LinuxNamespaces } from "./namespaces.ts";

const O_RDONLY = 0;
const O_CLOEXEC = 0o2000000;
const CLONE_FS = 0x200;
const CLONE_NEWNS = 0x20000;
const CLONE_NEWUTS = 0x04000000;
const CLONE_NEWNET = 0x40000000;

const openKind = (kind: "mnt" | "uts"): number =>
  call("open", [`/proc/self/ns/${kind}`, O_RDONLY | O_CLOEXEC, 0], `namespace ${kind}`);

/**
 * A thread that shares its root and working directory with others may not enter mount namespaces, and each thread that
 * it starts (the pool of Node, at its first use) shares them anew.
 */
const ownRoot = (): number => call("unshare", [CLONE_FS], "the main thread's root");

export class LinuxPlaces implements Places {
  readonly namespaces = new LinuxNamespaces();
  readonly #mount = openKind("mnt");
  readonly #uts = openKind("uts");

  makeNet(): NetNamespace {
    call("unshare", [CLONE_NEWNET], "network namespace");
    try {
      return this.#currentNet();
    } finally {
      this.#homeNet();
    }
  }

  make(prepare: () => void, parent?: Place): Place {
    ownRoot();
    try {
      if (parent) call("setns", [(parent as LinuxPlace).mount, CLONE_NEWNS], "mount namespace of the parent");
      call("unshare", [CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS], "place");
      prepare();
      const mount = openKind("mnt");
      const uts = openKind("uts");
      const net = this.#currentNet();
      return new LinuxPlace(net, mount, uts, () => this.#home());
    } finally {
      this.#home();
    }
  }

  #currentNet(): NetNamespace {
    const net = this.namespaces.open("/proc/self/ns/net");
    if (!net) throw new Error("a thread without a network namespace");
    return net;
  }

  #homeNet(): void {
    call("setns", [this.namespaces.own().fd, CLONE_NEWNET], "own network namespace");
  }

  #home(): void {
    call("setns", [this.#mount, CLONE_NEWNS], "own mount namespace");
    call("setns", [this.#uts, CLONE_NEWUTS], "own UTS namespace");
    this.#homeNet();
  }
}

class LinuxPlace implements Place {
  readonly net: NetNamespace;
  readonly mount: number;
  readonly #uts: number;
  readonly #goHome: () => void;

  constructor(net: NetNamespace, mount: number, uts: number, goHome: () => void) {
    this.net = net;
    this.mount = mount;
    this.#uts = uts;
    this.#goHome = goHome;
  }

  get paths(): PlacePaths {
    const descriptor = (fd: number) => `/proc/${process.pid}/fd/${fd}`;
    return {
      net: descriptor(this.net.fd),
      mount: descriptor(this.mount),
      uts: descriptor(this.#uts),
      user: `/proc/${process.pid}/ns/user`,
    };
  }

  run<T>(work: () => T): T {
    ownRoot();
    try {
      call("setns", [this.mount, CLONE_NEWNS], "mount namespace");
      call("setns", [this.#uts, CLONE_NEWUTS], "UTS namespace");
      call("setns", [this.net.fd, CLONE_NEWNET], "network namespace");
      return work();
    } finally {
      this.#goHome();
    }
  }

  close(): void {
    fs.closeSync(this.mount);
    fs.closeSync(this.#uts);
    this.net.close();
  }
}
