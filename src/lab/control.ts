/**
 * The words of a running lab, as requests on its control socket: what `ocicat lab …` asks of the supervisor. Bodies are
 * checked here, since anybody of the same user may speak to the socket.
 */
import { CodedError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import { formatAddress, tryParseAddress } from "../ip/address.ts";
import { formatPrefix } from "../ip/prefix.ts";
import { ECHO_PORT } from "../port/echo-services.ts";
import type { LabPodRecord } from "../port/lab-record.ts";
import type { PlacePaths } from "../port/places.ts";
import { backends } from "./cluster.ts";
import { type Lab, podRecord } from "./lab.ts";
import type { LabRouter } from "./routers/lab-router.ts";
import { OBJECT_NAME, OBJECT_NAME_HELP, type PodSpec, type RouterSpeaker } from "./topology.ts";

export class ControlError extends CodedError<"badRequest", { field: string }> {}

/** What `lab exec` needs to enter a host or pod. */
export interface ExecAnswer {
  readonly paths: PlacePaths;
  readonly env: Readonly<Record<string, string>>;
}

export interface HostStatus {
  readonly name: string;
  readonly address: string;
  readonly subnet: string;
  readonly nic: string;
  readonly mtu: number;
  /** Process id of the agent, absent while it is away. */
  readonly agentPid?: number;
  readonly agentReady: boolean;
}

export interface RouterStatus {
  readonly name: string;
  readonly subnets: readonly string[];
  /** Absent on a router that speaks no BGP. */
  readonly bgp?: {
    readonly as: number;
    readonly speaker: RouterSpeaker;
    readonly neighbours: readonly { readonly address: string; readonly as: number }[];
    /** Process ids of its programs, empty while they are away. */
    readonly pids: readonly number[];
    /** Whether it listens for its neighbours. */
    readonly ready: boolean;
  };
}

export interface LabStatus {
  readonly topology: string;
  readonly summary: string;
  readonly hosts: readonly HostStatus[];
  readonly routers: readonly RouterStatus[];
  readonly pods: readonly (LabPodRecord & { readonly mtu: number })[];
  readonly storePid?: number;
  readonly pool: string;
  readonly backend: string;
}

export type Verb = (body: JsonObject) => Promise<unknown>;
export type Verbs = Readonly<Record<string, Verb>>;

/** The verb of that name. Names come from outside: what every object inherits (`constructor`) is none. */
export const verbOf = (verbs: Verbs, name: string): Verb | undefined =>
  Object.hasOwn(verbs, name) ? verbs[name] : undefined;

export function controlVerbs(lab: Lab): Verbs {
  return {
    status: async () => status(lab),
    exec: async (body) => {
      const { place, env } = lab.place(textAt(body, "place"));
      return { paths: place.paths, env } satisfies ExecAnswer;
    },
    backend: async (body) => {
      const backend = backends.find((one) => one === body["backend"]);
      if (backend === undefined) throw badRequest("backend", `a backend is one of ${backends.join(", ")}`);
      await lab.setBackend(backend);
    },
    "pod-add": async (body) => podRecord(await lab.pods.add(podSpecOf(body))),
    "pod-list": async () => lab.pods.list().map(podRecord),
    "pod-remove": async (body) => {
      await lab.pods.remove(textAt(body, "pod"));
    },
  };
}

async function status(lab: Lab): Promise<LabStatus> {
  const hosts = await Promise.all(
    [...lab.hosts.values()].map(async (host): Promise<HostStatus> => {
      const { nic } = host.spec;
      return {
        name: host.name,
        address: formatAddress(nic.address),
        subnet: nic.subnet,
        nic: nic.name,
        mtu: nic.mtu,
        ...(host.agent.pid === undefined ? {} : { agentPid: host.agent.pid }),
        agentReady: await lab.isAgentReady(host),
      };
    }),
  );
  return {
    topology: lab.topology.name,
    summary: lab.topology.summary,
    hosts,
    routers: [...lab.routers.values()].map((router) => routerStatus(lab, router)),
    pods: lab.pods.list().map((pod) => ({ ...podRecord(pod), mtu: pod.mtu })),
    ...(lab.store.pid === undefined ? {} : { storePid: lab.store.pid }),
    pool: formatPrefix(lab.topology.cluster.pool),
    backend: lab.backend,
  };
}

function routerStatus(lab: Lab, router: LabRouter): RouterStatus {
  const { name, bgp } = router;
  const subnets = lab.topology.subnets.filter((subnet) => subnet.router === name).map((subnet) => subnet.name);
  if (!bgp) return { name, subnets };
  const { as, speaker, neighbours } = bgp.spec;
  return {
    name,
    subnets,
    bgp: {
      as,
      speaker,
      neighbours: neighbours.map((one) => ({ address: formatAddress(one.address), as: one.as })),
      pids: bgp.daemons.flatMap(({ pid }) => pid ?? []),
      ready: lab.isRouterReady(router),
    },
  };
}

function podSpecOf(body: JsonObject): PodSpec {
  const name = textAt(body, "name");
  const namespace = body["namespace"] === undefined ? "default" : textAt(body, "namespace");
  for (const [field, text] of Object.entries({ name, namespace })) {
    if (!OBJECT_NAME.test(text)) throw badRequest(field, `'${text}' is not ${OBJECT_NAME_HELP}`);
  }
  const address = body["address"] === undefined ? undefined : tryParseAddress(textAt(body, "address"));
  if (body["address"] !== undefined && address === undefined) {
    throw badRequest("address", `'${String(body["address"])}' is not an IP address`);
  }
  const serve = body["serve"] ?? [];
  if (!Array.isArray(serve) || !serve.every((port) => Number.isInteger(port) && port > 0 && port < 65536)) {
    throw badRequest("serve", "ports are numbers from 1 to 65535");
  }
  if (serve.includes(ECHO_PORT)) throw badRequest("serve", `port ${ECHO_PORT} is the echo service's, in every pod`);
  return {
    namespace,
    name,
    host: textAt(body, "host"),
    labels: labelsOf(body["labels"] ?? {}),
    ...(address === undefined ? {} : { address }),
    serve,
    probed: true,
  };
}

function labelsOf(labels: unknown): Record<string, string> {
  if (typeof labels !== "object" || labels === null) throw badRequest("labels", "labels are an object");
  return Object.fromEntries(
    Object.entries(labels).map(([key, value]) => {
      if (typeof value !== "string") throw badRequest("labels", `the value of '${key}' is not text`);
      return [key, value];
    }),
  );
}

export function textAt(body: JsonObject, field: string): string {
  const value = body[field];
  if (typeof value === "string" && value !== "") return value;
  throw badRequest(field, `'${field}' is missing`);
}

export const badRequest = (field: string, message: string): ControlError =>
  new ControlError("badRequest", message, { field });
