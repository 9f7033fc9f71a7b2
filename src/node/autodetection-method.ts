/** `IP_AUTODETECTION_METHOD`: which of the host's addresses is the node's (calico-node's words). */
import { goPattern } from "../base/go-pattern.ts";
import { formatPrefix, type InterfaceAddress, tryParseInterfaceAddress } from "../ip/prefix.ts";

export type AutodetectionMethod =
  | { readonly kind: "first-found" }
  /** Sources of Go's regular expressions, unanchored. */
  | { readonly kind: "interface" | "skip-interface"; readonly patterns: readonly string[] }
  | { readonly kind: "cidr"; readonly cidrs: readonly InterfaceAddress[] }
  | { readonly kind: "can-reach"; readonly destination: string };

export const FIRST_FOUND: AutodetectionMethod = { kind: "first-found" };

const WORDS = "first-found, interface=REGEX,…, skip-interface=REGEX,…, cidr=CIDR,… or can-reach=HOST";

/** The method, or why the text is none. */
export function parseMethod(text: string): AutodetectionMethod | { readonly error: string } {
  if (text === "" || text === "first-found") return FIRST_FOUND;
  const at = text.indexOf("=");
  const word = at < 0 ? text : text.slice(0, at);
  const argument = text.slice(at + 1).trim();
  if (word === "kubernetes-internal-ip") {
    return { error: "asks a Kubernetes API for the node's InternalIP, and none is configured here; set IP instead" };
  }
  if (at < 0 || !["interface", "skip-interface", "cidr", "can-reach"].includes(word)) {
    return { error: `is not an autodetection method: use ${WORDS}` };
  }
  if (argument === "") return { error: `has nothing behind '${word}=': use ${WORDS}` };
  const items = argument.split(/\s*,\s*/);
  switch (word) {
    case "interface":
    case "skip-interface": {
      const bad = items.find((item) => item === "" || !isPattern(item));
      if (bad !== undefined) return { error: `has '${bad}', which is not a regular expression for interface names` };
      return { kind: word, patterns: items };
    }
    case "cidr": {
      const cidrs = items.map((item) => ({ item, cidr: tryParseInterfaceAddress(item) }));
      const bad = cidrs.find(({ cidr }) => !cidr);
      if (bad) return { error: `has '${bad.item}', which is not a CIDR such as 10.0.0.0/8` };
      return { kind: "cidr", cidrs: cidrs.flatMap(({ cidr }) => cidr ?? []) };
    }
    default:
      return { kind: "can-reach", destination: argument };
  }
}

function isPattern(source: string): boolean {
  try {
    goPattern(source);
    return true;
  } catch (failure) {
    if (failure instanceof SyntaxError) return false;
    throw failure;
  }
}

export function formatMethod(method: AutodetectionMethod): string {
  switch (method.kind) {
    case "first-found":
      return "first-found";
    case "interface":
    case "skip-interface":
      return `${method.kind}=${method.patterns.join(",")}`;
    case "cidr":
      return `cidr=${method.cidrs.map(formatPrefix).join(",")}`;
    case "can-reach":
      return `can-reach=${method.destination}`;
  }
}
