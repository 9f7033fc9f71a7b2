/** StagedKubernetesNetworkPolicy: Kubernetes' own NetworkPolicy spec, tried out before it is applied. */
import * as v from "valibot";
import { subdomainName } from "../names.ts";
import { integerFrom, listOf, network, object, oneOf, optional, text } from "../schema/fields.ts";
import { type KindRow, nameCell, namespaceCell, objectAt } from "./kind.ts";

const labelSelector = object({
  matchLabels: optional(v.record(v.string(), text)),
  matchExpressions: optional(
    listOf(
      object({
        key: text,
        operator: oneOf(["In", "NotIn", "Exists", "DoesNotExist"]),
        values: optional(listOf(text)),
      }),
    ),
  ),
});
const ports = optional(
  listOf(
    object({
      protocol: optional(oneOf(["TCP", "UDP", "SCTP"])),
      port: optional(v.union([v.number(), v.string()], "expected a port number or name")),
      endPort: optional(integerFrom(1, 65535)),
    }),
  ),
);
const peers = optional(
  listOf(
    object({
      podSelector: optional(labelSelector),
      namespaceSelector: optional(labelSelector),
      ipBlock: optional(object({ cidr: network(), except: optional(listOf(network())) })),
    }),
  ),
);

export const stagedKubernetesNetworkPolicy: KindRow = {
  kind: "StagedKubernetesNetworkPolicy",
  aliases: ["stagedkubernetesnetworkpolicies", "sknp", "sknps", "skpol", "skpols"],
  name: subdomainName,
  spec: object({
    stagedAction: optional(oneOf(["Set", "Delete", "Learn", "Ignore"])),
    podSelector: optional(labelSelector),
    ingress: optional(listOf(object({ ports, from: peers }))),
    egress: optional(listOf(object({ ports, to: peers }))),
    policyTypes: optional(listOf(oneOf(["Ingress", "Egress"]))),
  }),
  notEnforced: "staged policies never affect packets",
  columns: {
    NAME: nameCell,
    NAMESPACE: namespaceCell,
    PODSELECTOR: (policy) =>
      Object.entries(objectAt(policy, "spec", "podSelector", "matchLabels"))
        .map(([key, value]) => `${key}=${value}`)
        .sort()
        .join(","),
  },
  narrow: ["NAME"],
  wide: ["NAME", "PODSELECTOR"],
};
