/** `ocicat bgp run` in a namespace, with what its kernel holds. */
import fs from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";
import type { TestNamespace } from "../../../src/testing/netns.ts";
import { DaemonProcess } from "./ground.ts";

const root = path.resolve(import.meta.dirname, "../../..");

export class Router {
  readonly file: string;
  readonly #t: TestContext;
  readonly #namespace: TestNamespace;
  process: DaemonProcess;

  constructor(t: TestContext, namespace: TestNamespace, file: string, configuration: string) {
    this.#t = t;
    this.#namespace = namespace;
    this.file = file;
    fs.writeFileSync(file, configuration);
    this.process = this.start();
  }

  start(): DaemonProcess {
    const args = [
      path.join(root, "tools/node.sh"),
      path.join(root, "src/main.ts"),
      "bgp",
      "run",
      "--config",
      this.file,
    ];
    this.process = new DaemonProcess(this.#t, this.#namespace, "sh", args);
    return this.process;
  }

  /** Ids of nexthop objects, of routes and of themselves. */
  get objects(): { readonly used: ReadonlySet<number | undefined>; readonly there: readonly number[] } {
    const routes = this.#namespace.json<{ nhid?: number }>("ip -j route show proto bgp");
    const objects = this.#namespace.json<{ id: number }>("ip -j nexthop show");
    return { used: new Set(routes.map(({ nhid }) => nhid)), there: objects.map(({ id }) => id) };
  }

  /** Routes in the kernel, as `ip route` shows them. */
  get kernel(): string[] {
    return ["-4", "-6"]
      .flatMap((family) =>
        this.#namespace.json<{ dst: string; gateway: string }>(`ip -j ${family} route show proto bgp`),
      )
      .map(({ dst, gateway }) => `${dst} via ${gateway}`)
      .sort();
  }
}
