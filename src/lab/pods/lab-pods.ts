/** The pods of a lab: namespaces made as a runtime makes them, attached by the host's own plugin, and served. */
import { CodedError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { formatAddress, type IpAddress, tryParseAddress } from "../../ip/address.ts";
import type { Clock } from "../../port/clock.ts";
import type { EchoService, EchoServices } from "../../port/echo-services.ts";
import type { HostFolders } from "../../port/host-folders.ts";
import type { Place, Places } from "../../port/places.ts";
import type { Programs } from "../../port/programs.ts";
import type { LabHost } from "../lab-host.ts";
import { type PodSpec, podKey } from "../topology.ts";
import { applyAll, withRtnetlink } from "../underlay/apply.ts";
import { type CniRuntime, resultAddresses, type Sandbox } from "./runtime.ts";

export interface Pod {
  readonly spec: PodSpec;
  readonly key: string;
  readonly host: LabHost;
  readonly place: Place;
  readonly sandbox: Sandbox;
  readonly result: JsonObject;
  readonly addresses: readonly IpAddress[];
  /** Of eth0, in octets. */
  readonly mtu: number;
  readonly service: EchoService;
}

export interface PodDeps {
  readonly places: Places;
  readonly folders: HostFolders;
  readonly cni: CniRuntime;
  readonly services: EchoServices;
  readonly programs: Pick<Programs, "tail">;
  readonly clock: Clock;
  /** 64 hexadecimal digits, different each time. */
  readonly newContainerId: () => string;
}

/** Lines of an agent's output that tell why it does not answer. */
const SHOWN_LINES = 12;

export class PodError extends CodedError<"podExists" | "noPod" | "noHost" | "podStuck", { pod: string }> {}

export class LabPods {
  readonly #hosts: ReadonlyMap<string, LabHost>;
  readonly #deps: PodDeps;
  readonly #pods = new Map<string, Pod>();
  /** Keys whose ADD is under way. */
  readonly #coming = new Set<string>();

  constructor(hosts: ReadonlyMap<string, LabHost>, deps: PodDeps) {
    this.#hosts = hosts;
    this.#deps = deps;
  }

  /** In order of their names, numbers in them as numbers. */
  list(): readonly Pod[] {
    return [...this.#pods.values()].sort((a, b) => a.key.localeCompare(b.key, "en", { numeric: true }));
  }

  /** By key, by `default/NAME` too, or by the name alone where no other namespace has it. */
  find(key: string): Pod | undefined {
    const pod = this.#pods.get(key.replace(/^default\//, ""));
    if (pod || key.includes("/")) return pod;
    const named = this.list().filter(({ spec }) => spec.name === key);
    return named.length === 1 ? named[0] : undefined;
  }

  /** As `find`. Throws PodError. */
  get(key: string): Pod {
    const pod = this.find(key);
    if (pod) return pod;
    const known = [...this.#pods.keys()].sort().join(", ") || "none";
    throw new PodError("noPod", `no pod '${key}' in this lab (there is: ${known})`, { pod: key });
  }

  /** Rejects with PodError, CniError, NetworkConfigError; what was made is taken away then. */
  async add(spec: PodSpec): Promise<Pod> {
    const key = podKey(spec);
    const host = this.#hosts.get(spec.host);
    if (!host) {
      const known = [...this.#hosts.keys()].join(", ");
      throw new PodError("noHost", `no host '${spec.host}' in this lab (there is: ${known})`, { pod: key });
    }
    if (this.#pods.has(key) || this.#coming.has(key)) {
      throw new PodError("podExists", `pod '${key}' exists already`, { pod: key });
    }
    this.#coming.add(key);
    try {
      const pod = await this.#attach(spec, host);
      this.#pods.set(key, pod);
      return pod;
    } finally {
      this.#coming.delete(key);
    }
  }

  async #attach(spec: PodSpec, host: LabHost): Promise<Pod> {
    const { places, folders, services, clock } = this.#deps;
    const key = podKey(spec);
    const place = places.make(() => folders.enterPod(spec.name), host.place);
    const netns = netnsName(spec);
    const sandbox = this.#sandbox(spec, netns);
    const undo = [() => place.close()];
    try {
      applyAll(place.net, clock, [{ type: "setLink", link: "lo", change: { up: true } }]);
      folders.showNet(host.place, netns, place.net);
      undo.push(() => folders.hideNet(host.place, netns));
      const result = await this.#deps.cni.add(host.place, sandbox);
      const addresses = resultAddresses(result).flatMap((text) => tryParseAddress(text) ?? []);
      const mtu = withRtnetlink(place.net, clock, (rtnetlink) => rtnetlink.link("eth0")?.mtu ?? 0);
      const address = addresses[0] === undefined ? "no address" : formatAddress(addresses[0]);
      const service = services.start(place.net, `${key} (${address}) on ${host.name}`, spec.serve);
      return { spec, key, host, place, sandbox, result, addresses, mtu, service };
    } catch (failure) {
      // A runtime calls DEL after an ADD that failed, whatever it left; the first failure is the one to tell.
      await this.#deps.cni.remove(host.place, sandbox, undefined).catch(() => undefined);
      for (const step of undo.reverse()) step();
      throw this.#withLastWords(failure, host, key);
    }
  }

  /** A plugin that hangs says nothing; the agent that it waits for may. */
  #withLastWords(failure: unknown, host: LabHost, key: string): unknown {
    if (!(failure instanceof CodedError && failure.code === "tooSlow")) return failure;
    const tail = this.#deps.programs.tail(`${host.folder}/agent.log`, SHOWN_LINES).replaceAll(/^/gm, "  ");
    const message = `pod '${key}': ${failure.message}; the output of ${host.name}'s agent ends with\n${tail}`;
    return new PodError("podStuck", message, { pod: key }, { cause: failure });
  }

  #sandbox(spec: PodSpec, netns: string): Sandbox {
    return {
      namespace: spec.namespace,
      name: spec.name,
      containerId: this.#deps.newContainerId(),
      netns: `/run/netns/${netns}`,
      labels: spec.labels,
      ...(spec.address === undefined ? {} : { address: formatAddress(spec.address) }),
    };
  }

  /**
   * Detaches the pod, named as `find` takes it, and removes its namespace. Rejects with PodError, and with CniError
   * when the plugin refuses; the pod stays then.
   */
  async remove(named: string): Promise<void> {
    const pod = this.get(named);
    const { cni, folders } = this.#deps;
    await cni.remove(pod.host.place, pod.sandbox, pod.result);
    this.#pods.delete(pod.key);
    pod.service.close();
    folders.hideNet(pod.host.place, pod.sandbox.netns.slice("/run/netns/".length));
    pod.place.close();
  }
}

/** Its name below /run/netns. */
const netnsName = ({ namespace, name }: PodSpec): string => (namespace === "default" ? name : `${namespace}.${name}`);
