/** Profile: rules and labels that endpoints inherit; what applies where no policy does. */
import type { JsonObject } from "../../base/json.ts";
import { subdomainName } from "../names.ts";
import { labels, object, optional } from "../schema/fields.ts";
import { type KindRow, nameCell, objectAt, type Report } from "./kind.ts";
import { rules, validateRules } from "./rules.ts";

function validate(profile: JsonObject, report: Report): void {
  const spec = objectAt(profile, "spec");
  validateRules(spec, "ingress", report);
  validateRules(spec, "egress", report);
}

export const profile: KindRow = {
  kind: "Profile",
  aliases: ["profiles", "pro", "pros"],
  name: subdomainName,
  spec: object({ ingress: rules, egress: rules, labelsToApply: optional(labels) }),
  validate,
  notEnforced: "its rules are not applied",
  columns: {
    NAME: nameCell,
    LABELS: (object) =>
      Object.entries(objectAt(object, "spec", "labelsToApply"))
        .map(([key, value]) => `${key}=${value}`)
        .sort()
        .join(","),
  },
  narrow: ["NAME"],
  wide: ["NAME", "LABELS"],
};
