/** Messages for people who watch a session: one line each. */
import { formatAddress } from "../../ip/address.ts";
import { formatPrefix } from "../../ip/prefix.ts";
import { type PrefixCode, prefixOfCode } from "../../ip/prefix-code.ts";
import { attributeName, attributeRows } from "./attribute-rows.ts";
import { familyName } from "./family.ts";
import { describeNotification } from "./notification-text.ts";
import type { AttributeSet, Capability, Ignored, Message, Open, Update } from "./types.ts";

/** Of each list in a line. */
const SHOWN_PREFIXES = 8;

/** `UPDATE announces 2: 10.0.0.0/26 10.0.0.64/26 (ORIGIN igp, AS_PATH 65001, NEXT_HOP 10.0.0.1)`. */
export function describeMessage(message: Message | Ignored): string {
  switch (message.type) {
    case "open":
      return describeOpen(message);
    case "update":
      return describeUpdate(message);
    case "notification":
      return `NOTIFICATION ${describeNotification(message)}`;
    case "keepalive":
      return "KEEPALIVE";
    case "routeRefresh":
      return `ROUTE-REFRESH ${message.subtype} ${familyName(message.family)}`;
    case "ignored":
      return `ignored: ${message.why}`;
  }
}

function describeOpen({ version, asn, holdTimeSeconds, routerId, capabilities }: Open): string {
  const head = `OPEN version ${version}, AS ${asn}, hold time ${holdTimeSeconds} s, router id ${formatAddress(routerId)}`;
  return [head, ...capabilities.map(describeCapability)].join(", ");
}

function describeCapability(capability: Capability): string {
  switch (capability.kind) {
    case "multiprotocol":
      return familyName(capability.family);
    case "routeRefresh":
      return "route refresh";
    case "enhancedRouteRefresh":
      return "enhanced route refresh";
    case "fourOctetAs":
      return `four-octet AS ${capability.asn}`;
    case "extendedMessage":
      return "extended message";
    case "gracefulRestart": {
      const { isRestarting, restartTimeSeconds, families } = capability;
      const kept = families.map(({ family, isForwarding }) => ` ${familyName(family)}${isForwarding ? " kept" : ""}`);
      return `graceful restart ${restartTimeSeconds} s${isRestarting ? " restarting" : ""}${kept.join("")}`;
    }
    case "other":
      return `capability ${capability.code}`;
  }
}

function describeUpdate({ withdrawn, announced, endOfRib, malformed }: Update): string {
  const parts: string[] = [];
  if (withdrawn.length > 0) parts.push(`withdraws ${describePrefixes(withdrawn)}`);
  for (const { attributes, prefixes } of announced) {
    parts.push(`announces ${describePrefixes(prefixes)} (${describeAttributes(attributes)})`);
  }
  if (endOfRib !== undefined) parts.push(`end of RIB ${familyName(endOfRib)}`);
  for (const { action, why } of malformed) parts.push(`${action}: ${why}`);
  return parts.length === 0 ? "UPDATE without routes" : `UPDATE ${parts.join("; ")}`;
}

function describePrefixes(prefixes: readonly PrefixCode[]): string {
  const shown = prefixes.slice(0, SHOWN_PREFIXES).map((prefix) => formatPrefix(prefixOfCode(prefix)));
  const more = prefixes.length > SHOWN_PREFIXES ? " …" : "";
  return `${prefixes.length}: ${shown.join(" ")}${more}`;
}

/** Every attribute by its registry name, ascending by code, those without words as octets. */
export function describeAttributes(set: AttributeSet): string {
  const known = attributeRows.flatMap((row) => {
    const value = row.print(set);
    return value === undefined ? [] : [`${row.name} ${value}`.trimEnd()];
  });
  const others = set.opaque.map(({ code, octets }) => `${attributeName(code)} ${Buffer.from(octets).toString("hex")}`);
  return [...known, ...others].join(", ");
}
