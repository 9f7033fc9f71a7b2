/** CalicoNodeStatus: asks a node to report what it sees of its agent, its BGP sessions and routes. */
import * as v from "valibot";
import { subdomainName } from "../names.ts";
import { integerFrom, listOf, nodeName, object, oneOf, optional } from "../schema/fields.ts";
import { cell, joinedCell, type KindRow, nameCell } from "./kind.ts";

const SECONDS_PER_DAY = 86_400;

export const calicoNodeStatus: KindRow = {
  kind: "CalicoNodeStatus",
  aliases: ["caliconodestatuses", "nodestatus", "nodestatuses"],
  name: subdomainName,
  spec: object({
    node: optional(nodeName),
    classes: optional(listOf(oneOf(["Agent", "BGP", "Routes"]))),
    updatePeriodSeconds: optional(integerFrom(0, SECONDS_PER_DAY)),
  }),
  status: v.looseObject({}),
  columns: { NAME: nameCell, NODE: cell("spec", "node"), CLASSES: joinedCell("spec", "classes") },
  narrow: ["NAME", "NODE"],
  wide: ["NAME", "NODE", "CLASSES"],
};
