/** Kinds that people of Kubernetes ask for, and that no store of Calico's holds: where they are to be seen. */

/** By plural, with the singular and kubectl's short names. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  configmaps: ["configmap", "cm"],
  cronjobs: ["cronjob", "cj"],
  daemonsets: ["daemonset", "ds"],
  deployments: ["deployment", "deploy"],
  endpoints: ["ep"],
  endpointslices: ["endpointslice"],
  events: ["event", "ev"],
  ingresses: ["ingress", "ing"],
  jobs: ["job"],
  namespaces: ["namespace", "ns"],
  pods: ["pod", "po"],
  replicasets: ["replicaset", "rs"],
  secrets: ["secret"],
  serviceaccounts: ["serviceaccount", "sa"],
  services: ["service", "svc"],
  statefulsets: ["statefulset", "sts"],
};

/** What serves in their place: what a pod is attached by. */
const stands: Readonly<Record<string, string>> = {
  pods: "; 'ocicat get workloadendpoints' shows what attaches them, and in a lab 'ocicat lab pod list' shows them",
};

/** One line about a kind of Kubernetes, by any of its names in any case; undefined for what is none. */
export function kubernetesHint(typed: string): string | undefined {
  const name = typed.toLowerCase();
  const plural = Object.keys(kinds).find((key) => key === name || kinds[key]?.includes(name));
  if (plural === undefined) return undefined;
  return `${plural} are Kubernetes' own: 'kubectl get ${plural}'${stands[plural] ?? ""}`;
}
