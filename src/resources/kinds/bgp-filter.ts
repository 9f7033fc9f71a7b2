/** BGPFilter: ordered rules for routes that a peer sends or gets. */
import type { JsonObject } from "../../base/json.ts";
import { subdomainName } from "../names.ts";
import { asNumber, integerFrom, listOf, network, object, oneOf, optional, textLike } from "../schema/fields.ts";
import { community } from "./bgp-configuration.ts";
import { type Column, type KindRow, listAt, nameCell, objectAt, type Report } from "./kind.ts";

const priority = integerFrom(1, 2147483646);

const filterRule = (family: 4 | 6) =>
  object({
    cidr: optional(network(family)),
    prefixLength: optional(
      object({
        min: optional(integerFrom(0, family === 4 ? 32 : 128)),
        max: optional(integerFrom(0, family === 4 ? 32 : 128)),
      }),
    ),
    source: optional(oneOf(["RemotePeers"])),
    interface: optional(
      textLike(/^[a-zA-Z0-9_.*-]{1,15}$/, "must be an interface name of up to 15 characters; '*' stands for any"),
    ),
    matchOperator: optional(oneOf(["Equal", "NotEqual", "In", "NotIn"])),
    peerType: optional(oneOf(["eBGP", "iBGP"])),
    communities: optional(object({ values: listOf(community) })),
    asPathPrefix: optional(listOf(asNumber)),
    priority: optional(priority),
    action: oneOf(["Accept", "Reject"]),
    operations: optional(
      listOf(
        object({
          addCommunity: optional(object({ value: community })),
          prependASPath: optional(object({ prefix: listOf(asNumber) })),
          setPriority: optional(object({ value: priority })),
        }),
      ),
    ),
  });

const lists = ["exportV4", "importV4", "exportV6", "importV6"] as const;

const spec = object({
  exportV4: optional(listOf(filterRule(4))),
  importV4: optional(listOf(filterRule(4))),
  exportV6: optional(listOf(filterRule(6))),
  importV6: optional(listOf(filterRule(6))),
});

const MAX_OPERATIONS = 10;

function validate(filter: JsonObject, report: Report): void {
  for (const list of lists) {
    for (const [index, item] of listAt(objectAt(filter, "spec"), list).entries()) {
      validateRule(item as JsonObject, (field, reason) =>
        report({ path: ["spec", list, index, field], value: (item as JsonObject)[field], reason }),
      );
    }
  }
}

function validateRule(given: JsonObject, refuse: (field: string, reason: string) => void): void {
  const has = (field: string) => given[field] !== undefined && given[field] !== "";
  if (has("cidr") !== has("matchOperator")) refuse("cidr", "cidr and matchOperator must both be set or both be empty");
  if (has("prefixLength") && !has("cidr")) refuse("prefixLength", "cidr is required when prefixLength is set");
  if (given["communities"] !== undefined && listAt(given, "communities", "values").length !== 1)
    refuse("communities", "exactly one community value can be matched");
  const operations = listAt(given, "operations").map((item) => item as JsonObject);
  if (operations.length > 0 && given["action"] !== "Accept")
    refuse("operations", "operations may only be used with action Accept");
  if (operations.length > MAX_OPERATIONS) refuse("operations", `at most ${MAX_OPERATIONS} operations`);
  if (operations.some((operation) => Object.keys(operation).length !== 1))
    refuse("operations", "exactly one operation must be set");
}

const countOf =
  (list: (typeof lists)[number]): Column =>
  (filter) =>
    String(listAt(objectAt(filter, "spec"), list).length);

const headings = ["NAME", "NUMEXPORTV4", "NUMIMPORTV4", "NUMEXPORTV6", "NUMIMPORTV6"];

export const bgpFilter: KindRow = {
  kind: "BGPFilter",
  aliases: ["bgpfilters", "bgpf", "bgpfs", "bf", "bfs"],
  name: subdomainName,
  spec,
  validate,
  columns: {
    NAME: nameCell,
    NUMEXPORTV4: countOf("exportV4"),
    NUMIMPORTV4: countOf("importV4"),
    NUMEXPORTV6: countOf("exportV6"),
    NUMIMPORTV6: countOf("importV6"),
  },
  narrow: headings,
  wide: headings,
};
