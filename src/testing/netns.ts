/**
 * A fresh network namespace for a test, held by a descriptor of this process alone: nothing is mounted or named, so when
 * the test ends, or the process dies, the kernel takes it away with all that is in it.
 *
 * Tools run inside it too (`run`, `json`), to look at the kernel from outside of our own codecs. A child gets the
 * namespace of the thread that forks it, so none of them needs `nsenter`.
 */
import { execFileSync } from "node:child_process";
import type { TestContext } from "node:test";
import { call, tryCall } from "../adapter/linux/libc.ts";
import { LinuxNamespaces } from "../adapter/linux/namespaces.ts";
import type { NetNamespace } from "../port/namespaces.ts";

const CLONE_NEWNET = 0x40000000;
const O_RDONLY = 0;
const O_CLOEXEC = 0o2000000;

export class TestNamespace {
  readonly net: NetNamespace;
  /** For IFLA_NET_NS_FD, and as a path for anybody in this process. */
  get fd(): number {
    return this.net.fd;
  }

  /** Where another process of the same user finds it. */
  get path(): string {
    return `/proc/${process.pid}/fd/${this.net.fd}`;
  }

  constructor(net: NetNamespace) {
    this.net = net;
  }

  /** Runs a tool inside and returns what it prints. Throws with its standard error when it fails. */
  run(command: string, ...args: readonly string[]): string {
    return this.net.run(() =>
      execFileSync(command, args, { encoding: "utf8", maxBuffer: 1 << 30, stdio: ["ignore", "pipe", "pipe"] }),
    );
  }

  /** Runs `ip` with words split at blanks: `ip("link add a type veth peer name b")`. */
  ip(words: string): string {
    return this.run("ip", ...words.split(" "));
  }

  /** What a tool prints as JSON: `json("ip -j route show table all")`. No output counts as an empty list. */
  json<T = Record<string, unknown>>(words: string): T[] {
    const [command = "", ...args] = words.split(" ");
    const text = this.run(command, ...args).trim();
    return text === "" ? [] : (JSON.parse(text) as T[]).filter((item) => Object.keys(item as object).length > 0);
  }

  close(): void {
    this.net.close();
  }
}

/** Why this process cannot make network namespaces; undefined when it can. */
export function whyNoNamespaces(): string | undefined {
  try {
    createNamespace().close();
    return undefined;
  } catch (failure) {
    return `needs the right to make network namespaces (root): ${(failure as Error).message}`;
  }
}

/** A namespace with nothing in it but a loopback device that is down. The caller closes it. Throws KernelError. */
export function createNamespace(): TestNamespace {
  const namespaces = new LinuxNamespaces();
  const home = namespaces.own().fd;
  call("unshare", [CLONE_NEWNET], "network namespace");
  let fd: number;
  try {
    fd = call("open", ["/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC, 0], "new network namespace");
  } finally {
    call("setns", [home, CLONE_NEWNET], "own network namespace");
  }
  const net = namespaces.open(`/proc/self/fd/${fd}`);
  tryCall("close", [fd]);
  if (!net) throw new Error("the new network namespace is gone");
  return new TestNamespace(net);
}

/** A namespace that is closed after the test, and that has its loopback up. */
export function namespaceFor(t: TestContext): TestNamespace {
  const namespace = createNamespace();
  t.after(() => namespace.close());
  namespace.ip("link set lo up");
  return namespace;
}
