/** HostEndpoint: an interface of a host that policy applies to. */
import type { JsonObject } from "../../base/json.ts";
import { subdomainName } from "../names.ts";
import { integerFrom, interfaceName, ipAddress, listOf, nodeName, object, optional, text } from "../schema/fields.ts";
import { cell, joinedCell, type KindRow, listAt, nameCell, objectAt, type Report, textAt } from "./kind.ts";
import { protocol } from "./rules.ts";

function validate(endpoint: JsonObject, report: Report): void {
  const given = objectAt(endpoint, "spec");
  if (textAt(given, "interfaceName") === "" && listAt(given, "expectedIPs").length === 0) {
    report({
      path: ["spec", "interfaceName"],
      value: "",
      reason: "no interface or expected IPs have been specified",
      remedy: "write interfaceName: '*' for all interfaces, a name, or expectedIPs",
    });
  }
  if (textAt(given, "node") === "")
    report({ path: ["spec", "node"], name: "InterfaceName", value: "", reason: "no node has been specified" });
}

export const hostEndpoint: KindRow = {
  kind: "HostEndpoint",
  aliases: ["hostendpoints", "hep", "heps"],
  name: subdomainName,
  spec: object({
    node: optional(nodeName),
    interfaceName: optional(interfaceName),
    expectedIPs: optional(listOf(ipAddress())),
    profiles: optional(listOf(nodeName)),
    ports: optional(listOf(object({ name: text, protocol, port: integerFrom(1, 65535) }))),
  }),
  validate,
  notEnforced: "no policy is applied to the interface",
  columns: {
    NAME: nameCell,
    NODE: cell("spec", "node"),
    INTERFACE: cell("spec", "interfaceName"),
    IPS: joinedCell("spec", "expectedIPs"),
    PROFILES: joinedCell("spec", "profiles"),
  },
  narrow: ["NAME", "NODE"],
  wide: ["NAME", "NODE", "INTERFACE", "IPS", "PROFILES"],
};
