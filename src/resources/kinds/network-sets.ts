/** NetworkSet and GlobalNetworkSet: addresses that rules select by labels. */
import type { JsonObject } from "../../base/json.ts";
import { subdomainName } from "../names.ts";
import { addressInNetwork, listOf, object, optional } from "../schema/fields.ts";
import { cutCell, type KindRow, nameCell, namespaceCell, objectAt, type Report } from "./kind.ts";

const NAMESPACE_LABEL = "projectcalico.org/namespace";

const spec = object({ nets: optional(listOf(addressInNetwork())) });

function validate(set: JsonObject, report: Report): void {
  if (!Object.hasOwn(objectAt(set, "metadata", "labels"), NAMESPACE_LABEL)) return;
  report({
    path: ["metadata", "labels", NAMESPACE_LABEL],
    name: "Metadata.Labels (label)",
    value: NAMESPACE_LABEL,
    reason: `${NAMESPACE_LABEL} is not a valid label name`,
    remedy: "drop the label; the namespace is known without it",
  });
}

const common = { name: subdomainName, spec, validate, notEnforced: "no policy uses it" };

export const networkSet: KindRow = {
  ...common,
  kind: "NetworkSet",
  aliases: ["networksets", "netsets"],
  columns: { NAME: nameCell, NAMESPACE: namespaceCell, NETS: cutCell("spec", "nets") },
  narrow: ["NAME"],
  wide: ["NAME", "NETS"],
};

export const globalNetworkSet: KindRow = {
  ...common,
  kind: "GlobalNetworkSet",
  aliases: ["globalnetworksets", "gnetsets"],
  columns: { NAME: nameCell, NETS: cutCell("spec", "nets") },
  narrow: ["NAME"],
  wide: ["NAME", "NETS"],
};
