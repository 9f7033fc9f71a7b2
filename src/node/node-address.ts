/**
 * The addresses of a node, each kind by its name (DESIGN 5): *advertised* is what peers send to and what the Node
 * resource says; *local* is on an interface of this host and what sockets and tunnels bind to. They differ under 1:1
 * translation, where the advertised address is on no interface. Pure; what each setting means is calico-node's.
 */
import { type Family, familyOf, formatAddress, tryParseAddress } from "../ip/address.ts";
import { formatPrefix, hostPrefix, type InterfaceAddress, tryParseInterfaceAddress } from "../ip/prefix.ts";
import type { HostInterface } from "../port/host-facts.ts";
import { type Detection, describeCandidate, type LocalAddress, locate } from "./autodetection.ts";
import { type AutodetectionMethod, formatMethod } from "./autodetection-method.ts";
import type { AddressSetting } from "./environment.ts";
import { NodeStartError } from "./errors.ts";

export interface FamilyAddresses {
  /** With the prefix length that tells the local subnet. */
  readonly advertised: InterfaceAddress;
  /** undefined: no interface could be found to speak from. */
  readonly local: LocalAddress | undefined;
  /** How both came about, one line each, candidates that lost included. */
  readonly explanation: readonly string[];
}

export interface NodeAddresses {
  readonly ipv4: FamilyAddresses | undefined;
  readonly ipv6: FamilyAddresses | undefined;
}

export interface AddressQuestion {
  readonly family: Family;
  readonly setting: AddressSetting;
  readonly method: AutodetectionMethod;
  /** What the Node resource says now. */
  readonly stored: InterfaceAddress | undefined;
  readonly interfaces: readonly HostInterface[];
  readonly detection: Detection;
  /** Why `can-reach=` found nothing. */
  readonly unreachable?: string | undefined;
}

/** undefined: the node has no address of this family and needs none. Throws NodeStartError `noAddress`. */
export function resolveAddress(question: AddressQuestion): FamilyAddresses | undefined {
  const { setting, stored, family } = question;
  if (setting.kind === "explicit") return explicit(question, setting);
  const isDetected = setting.kind === "autodetect" || (setting.kind === "keep" && stored === undefined && family === 4);
  if (!isDetected) {
    const why = setting.kind === "none" ? `${variableOf(family)}=none` : `${variableOf(family)} is not set`;
    return stored === undefined ? undefined : kept(question, stored, `kept from the Node resource, since ${why}`);
  }
  const { chosen } = question.detection;
  if (chosen) {
    const how = `detected by ${formatMethod(question.method)}`;
    const advertised = { address: chosen.address, length: chosen.length };
    return {
      advertised,
      local: chosen,
      explanation: [`advertised ${formatPrefix(chosen)}: ${how}`, ...lines(question)],
    };
  }
  if (stored !== undefined) return kept(question, stored, "kept from the Node resource, since detection found nothing");
  throw nothingFound(question);
}

const variableOf = (family: Family): string => (family === 4 ? "IP" : "IP6");

/** What detection saw. */
const lines = ({ detection, unreachable }: AddressQuestion): readonly string[] => [
  ...(unreachable === undefined ? [] : [unreachable]),
  ...detection.candidates.map(describeCandidate),
];

function explicit(
  question: AddressQuestion,
  { address, hasLength }: Extract<AddressSetting, { kind: "explicit" }>,
): FamilyAddresses {
  const own = locate(question.interfaces, address.address);
  const advertised = hasLength || !own ? address : { address: own.address, length: own.length };
  const variable = variableOf(question.family);
  const length = hasLength
    ? ""
    : own
      ? `, prefix length of ${own.device}`
      : ", no prefix length: it is on no interface";
  return withLocal(question, advertised, `advertised ${formatPrefix(advertised)}: set by ${variable}${length}`);
}

const kept = (question: AddressQuestion, stored: InterfaceAddress, how: string): FamilyAddresses =>
  withLocal(question, stored, `advertised ${formatPrefix(stored)}: ${how}`);

/** The local address is the advertised one where an interface has it, else what detection finds. */
function withLocal(question: AddressQuestion, advertised: InterfaceAddress, how: string): FamilyAddresses {
  const own = locate(question.interfaces, advertised.address);
  if (own) {
    return { advertised, local: { ...own }, explanation: [how, `local ${formatPrefix(own)}: it is on ${own.device}`] };
  }
  const { chosen } = question.detection;
  const away = `${formatAddress(advertised.address)} is on no interface of this host, so it counts as translated 1:1`;
  const local = chosen
    ? `local ${formatPrefix(chosen)}: detected by ${formatMethod(question.method)}`
    : "no local address was found";
  return { advertised, local: chosen, explanation: [how, away, local, ...lines(question)] };
}

function nothingFound(question: AddressQuestion): NodeStartError {
  const { family, method } = question;
  const variable = variableOf(family);
  const seen = lines(question);
  const remedy = `set ${variable} to an address, or ${variable}_AUTODETECTION_METHOD to another method`;
  return new NodeStartError(
    "noAddress",
    `no IPv${family} address was found by ${formatMethod(method)}; ${remedy}. Looked at: ${seen.join(" | ") || "no interface"}`,
    { subject: variable, explanation: seen },
  );
}

/** An address of the Node resource, bare or with its length; undefined when it is none of this family. */
export function readStoredAddress(text: unknown, family: Family): InterfaceAddress | undefined {
  if (typeof text !== "string") return undefined;
  const bare = tryParseAddress(text);
  const stored = bare === undefined ? tryParseInterfaceAddress(text) : hostPrefix(bare);
  return stored && familyOf(stored.address) === family ? stored : undefined;
}
