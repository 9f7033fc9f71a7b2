/** `ocicat ipip-tun`: IP-in-IP in user space, started by an agent whose kernel carries none. */
import fs from "node:fs";
import os from "node:os";
import { Command } from "commander";
import { listenForAgent } from "../adapter/ipip/control-server.ts";
import { encodeRefusal, tunnelFiles } from "../adapter/ipip/control-words.ts";
import { Forwarder } from "../adapter/ipip/forwarder.ts";
import { TUNNEL_READY } from "../adapter/ipip/tunnel-process.ts";
import { tryLock } from "../adapter/linux/file-lock.ts";
import { onProcessEnd } from "../adapter/linux/process.ts";
import { formatJson } from "../base/json.ts";
import { Scope } from "../base/scope.ts";
import { PRODUCT_VERSION } from "../base/version.ts";
import type { Ipv4 } from "../ip/address.ts";
import { KernelError } from "../port/netlink.ts";
import { PARENT_VARIABLE } from "../port/programs.ts";
import type { TunnelChange, TunnelState } from "../port/tunnel-server.ts";
import { parseCommandLine } from "./command-line.ts";
import type { ProcessHost } from "./process-host.ts";

interface Options {
  readonly device: string;
  readonly folder: string;
}

export async function main(args: readonly string[], host: ProcessHost): Promise<number> {
  const command = new Command("ocicat ipip-tun")
    .description(
      "Carries IP-in-IP in user space, where the kernel has no ipip and refuses bpf(2). For agents, not for people: " +
        "'ocicat node' starts it, tells it what to do, adopts it after a restart, and ends it.",
    )
    .option("--device <name>", "the TAP device to make and serve", "tunl0")
    .option("--folder <folder>", "where its lock and its socket are", "/var/run/calico")
    .addHelpText("after", "\nExamples:\n  curl --unix-socket /var/run/calico/ipip-tun.sock http://tunnel/v1/tunnel");
  const ended = await parseCommandLine(command, args, host);
  if (ended !== undefined) return ended;
  const scope = new Scope();
  try {
    return await serve(command.opts<Options>(), host, scope);
  } catch (failure) {
    if (!(failure instanceof KernelError)) throw failure;
    host.stdout.write(`${formatJson(encodeRefusal(failure))}\n`);
    return 1;
  } finally {
    await scope.close();
  }
}

/** Until it is told to end, its device is taken away, or the lab ends that it is part of. */
async function serve({ device, folder }: Options, host: ProcessHost, scope: Scope): Promise<number> {
  // Whoever reads may be gone: packets do not pass through what is said.
  for (const stream of [host.stdout, host.stderr]) stream.on("error", () => undefined);
  const files = tunnelFiles(folder);
  const lock = tryLock(files.lock);
  if (!lock) throw new KernelError({ call: "lock", errno: "EBUSY", number: 16, subject: files.lock });
  scope.defer(() => lock.release());
  fs.writeFileSync(files.lock, `${process.pid}\n`);
  takePrecedence();
  return new Promise((resolve, reject) => {
    const end = (why?: string): void => {
      if (why !== undefined) host.stderr.write(`ocicat ipip-tun: ${why}; ends\n`);
      resolve(0);
    };
    const tunnel = new Tunnel(device, end);
    scope.defer(() => tunnel.close());
    const parent = host.env[PARENT_VARIABLE];
    if (parent !== undefined) onProcessEnd(Number(parent), end);
    host.onSignal("SIGTERM", () => end());
    listenForAgent(files.socket, tunnel).then((control) => {
      scope.defer(() => control.close());
      host.stdout.write(`${TUNNEL_READY}\n`);
    }, reject);
  });
}

/** All packets of the host wait for this process, as for the kernel, which waits for nobody. Without the right it is one of many. */
function takePrecedence(): void {
  try {
    os.setPriority(os.constants.priority.PRIORITY_HIGH);
  } catch (failure) {
    if (!(failure instanceof Error && "code" in failure)) throw failure;
  }
}

/** The forwarder, and what it was told. */
class Tunnel {
  readonly #device: string;
  readonly #forwarder: Forwarder;
  readonly #sources = new Set<Ipv4>();
  readonly end: () => void;
  #local: Ipv4 | undefined;
  #parent = "";

  constructor(device: string, end: (why?: string) => void) {
    this.#device = device;
    this.#forwarder = new Forwarder(device, end);
    this.end = () => end();
  }

  state(): TunnelState {
    return {
      version: PRODUCT_VERSION,
      pid: process.pid,
      device: this.#device,
      ...(this.#local === undefined ? {} : { local: this.#local }),
      parent: this.#parent,
      sources: this.#sources,
      counters: this.#forwarder.counters,
    };
  }

  change({ local, parent, mtu, add = [], remove = [] }: TunnelChange): void {
    if (local !== undefined && local !== this.#local) {
      this.#forwarder.setLocal(local);
      this.#local = local;
    }
    if (parent !== undefined) this.#parent = parent;
    if (mtu !== undefined) this.#forwarder.setMtu(mtu);
    for (const source of add) {
      this.#sources.add(source);
      this.#forwarder.addSource(source);
    }
    for (const source of remove) {
      this.#sources.delete(source);
      this.#forwarder.removeSource(source);
    }
  }

  close(): void {
    this.#forwarder.close();
  }
}
