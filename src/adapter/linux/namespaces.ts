/** Network namespaces of the real kernel: setns, act, setns back, in one synchronous stretch. setns(2), namespaces(7). */
import fs from "node:fs";
import type { Namespaces, NetNamespace } from "../../port/namespaces.ts";
import type { NetlinkOptions, NetlinkSocket } from "../../port/netlink.ts";
import { call, kernelError, tryCall } from "./libc.ts";
import { openNetlinkSocket } from "./netlink-socket.ts";

const O_RDONLY = 0;
const O_CLOEXEC = 0o2000000;
const CLONE_NEWNET = 0x40000000;
const ENOENT = 2;

/** What sysctl files answer a write with when they are gone with their device. */
const sysctlPath = (path: string): string => `/proc/sys/${path}`;

export class LinuxNamespaces implements Namespaces {
  readonly #own: LinuxNetNamespace;

  constructor() {
    this.#own = new LinuxNetNamespace(call("open", ["/proc/self/ns/net", O_RDONLY | O_CLOEXEC, 0]), undefined);
  }

  own(): NetNamespace {
    return this.#own;
  }

  open(path: string): NetNamespace | undefined {
    const fd = tryCall("open", [path, O_RDONLY | O_CLOEXEC, 0]);
    if (fd === -ENOENT) return undefined;
    if (fd < 0) throw kernelError("open", -fd, path);
    const namespace = new LinuxNetNamespace(fd, this.#own);
    try {
      namespace.run(() => undefined);
    } catch (failure) {
      namespace.close();
      throw failure;
    }
    return namespace;
  }
}

class LinuxNetNamespace implements NetNamespace {
  readonly fd: number;
  readonly id: string;
  /** Where the thread returns to; undefined for the process's own. */
  readonly #home: LinuxNetNamespace | undefined;

  constructor(fd: number, home: LinuxNetNamespace | undefined) {
    this.fd = fd;
    this.#home = home;
    const { dev, ino } = fs.fstatSync(fd);
    this.id = `${dev}:${ino}`;
  }

  run<T>(work: () => T): T {
    if (!this.#home) return work();
    call("setns", [this.fd, CLONE_NEWNET], "network namespace");
    try {
      return work();
    } finally {
      call("setns", [this.#home.fd, CLONE_NEWNET], "own network namespace");
    }
  }

  open(options: NetlinkOptions): NetlinkSocket {
    return this.run(() => openNetlinkSocket(options));
  }

  writeSysctl(path: string, value: string): void {
    this.run(() => {
      try {
        fs.writeFileSync(sysctlPath(path), value);
      } catch (failure) {
        throw sysctlError(failure, path);
      }
    });
  }

  readSysctl(path: string): string | undefined {
    return this.run(() => {
      try {
        return fs.readFileSync(sysctlPath(path), "utf8").trimEnd();
      } catch (failure) {
        if (codeOf(failure) === "ENOENT") return undefined;
        throw sysctlError(failure, path);
      }
    });
  }

  close(): void {
    if (this.#home) call("close", [this.fd]);
  }
}

const codeOf = (failure: unknown): string | undefined => (failure as NodeJS.ErrnoException).code;

function sysctlError(failure: unknown, path: string): Error {
  const { errno } = failure as NodeJS.ErrnoException;
  return kernelError("sysctl", Math.abs(errno ?? 5), path);
}
