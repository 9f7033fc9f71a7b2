/** Who a call is about: names of the endpoint, its interface on the host, its IPAM handles. All as Calico makes them. */
import { createHash } from "node:crypto";
import { workloadEndpoint } from "../resources/kinds/workload-endpoint.ts";
import { CniError, ErrorCode } from "./errors.ts";
import type { Invocation } from "./invocation.ts";

export interface Workload {
  readonly orchestrator: "k8s" | "cni";
  readonly node: string;
  readonly namespace: string;
  /** Empty outside Kubernetes. */
  readonly pod: string;
  readonly containerId: string;
  /** Name of the interface in the pod. */
  readonly ifName: string;
  /** `cali` and eleven characters. */
  readonly hostInterface: string;
  /** Of the WorkloadEndpoint. */
  readonly endpointName: string;
  /** `<network>.<container>`. */
  readonly handleId: string;
  /** Handle that older releases used; released on DEL. */
  readonly legacyHandleId: string;
}

/** `cali` + 11 hex digits of SHA-1 of `<namespace>.<pod>`: Felix derives the same name by itself. */
export const podInterfaceName = (namespace: string, pod: string): string =>
  `cali${createHash("sha1").update(`${namespace}.${pod}`).digest("hex").slice(0, 11)}`;

/** Throws CniError 4 when only half of a pod is named. */
export function workloadOf(invocation: Invocation, network: string, node: string): Workload {
  const { args, containerId, ifName } = invocation;
  const pod = args.get("K8S_POD_NAME") ?? "";
  const podNamespace = args.get("K8S_POD_NAMESPACE") ?? "";
  if ((pod === "") !== (podNamespace === "")) {
    const message = "CNI_ARGS name only one of K8S_POD_NAME and K8S_POD_NAMESPACE";
    throw new CniError(ErrorCode.invalidEnvironment, message, "name both for a Kubernetes pod, none for anything else");
  }
  const isPod = pod !== "";
  const orchestrator = isPod ? "k8s" : "cni";
  const namespace = isPod ? podNamespace : "default";
  const endpointName = workloadEndpoint.madeName?.({
    node,
    orchestrator,
    pod,
    containerID: containerId,
    endpoint: ifName,
  });
  if (endpointName === undefined) {
    throw new CniError(ErrorCode.invalidEnvironment, "the call does not say whose interface this is");
  }
  return {
    orchestrator,
    node,
    namespace,
    pod,
    containerId,
    ifName,
    hostInterface: isPod ? podInterfaceName(namespace, pod) : `cali${containerId.slice(0, 11)}`,
    endpointName,
    handleId: `${network}.${containerId}`,
    legacyHandleId: isPod ? `${namespace}.${pod}` : containerId,
  };
}

/** What the names of this workload's endpoints begin with, whatever their interface. */
export const endpointNamePrefix = (workload: Workload): string =>
  workload.endpointName.slice(0, -workload.ifName.replaceAll("-", "--").length);
