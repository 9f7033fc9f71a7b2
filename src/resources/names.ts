/**
 * What names, labels and annotations may look like. Rules: Kubernetes' `apimachinery/pkg/util/validation`, and per kind
 * Calico's validator.
 */
import type { JsonObject } from "../base/json.ts";
import type { FieldProblem } from "./problems.ts";

const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const MAX_SUBDOMAIN_LENGTH = 253;
const MAX_LABEL_LENGTH = 63;
const MAX_ANNOTATIONS_BYTES = 256 * 1024;

export type NameRule = (name: string) => { readonly reason: string; readonly remedy?: string } | undefined;

function dnsRule(pattern: string, characters: string, maxLength: number): NameRule {
  const whole = new RegExp(`^${pattern}$`);
  return (name) => {
    if (name.length > maxLength) return { reason: `name is too long by ${name.length - maxLength} bytes` };
    if (whole.test(name)) return undefined;
    const lower = name.toLowerCase().replaceAll(/[_ ]/g, "-");
    return {
      reason: `name must consist of lower case alphanumeric characters${characters} (regex: ${pattern})`,
      ...(whole.test(lower) ? { remedy: `write '${lower}'` } : {}),
    };
  };
}

/** DNS-1123 subdomain: most kinds. */
export const subdomainName = dnsRule(SUBDOMAIN, ", '-' or '.'", MAX_SUBDOMAIN_LENGTH);

/** DNS-1123 label, without dots: tiers. */
export const labelName = dnsRule(LABEL, " or '-'", MAX_LABEL_LENGTH);

/** One label, or two joined by a dot (the first is the tier), or a converted Kubernetes or OpenStack policy. */
export const policyName = dnsRule(
  `((${LABEL}(\\.${LABEL})?)|((?:knp|ossg)\\.default\\.(${SUBDOMAIN})))`,
  " or '-'",
  MAX_SUBDOMAIN_LENGTH,
);

/** Only `default`. */
export const singletonName: NameRule = (name) =>
  name === "default" ? undefined : { reason: "the only name allowed is 'default'", remedy: "write 'default'" };

const QUALIFIED = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;
const PREFIX = new RegExp(`^${SUBDOMAIN}$`);

/** Why a key is no qualified name (`[prefix/]name`), or undefined. */
export function badQualifiedName(key: string): string | undefined {
  const parts = key.split("/");
  const name = parts.at(-1) ?? "";
  const prefix = parts.length === 2 ? parts[0] : undefined;
  if (parts.length > 2) return "a qualified name has at most one '/'";
  if (prefix !== undefined && (!PREFIX.test(prefix) || prefix.length > MAX_SUBDOMAIN_LENGTH))
    return "the part before '/' must be a DNS subdomain in lower case";
  if (name.length > MAX_LABEL_LENGTH) return `name part must be no more than ${MAX_LABEL_LENGTH} characters`;
  return QUALIFIED.test(name)
    ? undefined
    : "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
}

/** Why a text is no label value, or undefined. */
export function badLabelValue(value: string): string | undefined {
  if (value.length > MAX_LABEL_LENGTH) return `must be no more than ${MAX_LABEL_LENGTH} characters`;
  return LABEL_VALUE.test(value)
    ? undefined
    : "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
}

const NO_NAME = { reason: "field must be set for a Create request", remedy: "write metadata.name" };

/** Problems of `metadata`: name by the kind's rule, labels, annotations. The types are checked already. */
export function metadataProblems(metadata: JsonObject, rule: NameRule): FieldProblem[] {
  const name = String(metadata["name"] ?? "");
  const bad = name === "" ? NO_NAME : rule(name);
  const problems: FieldProblem[] = bad
    ? [{ path: ["metadata", "name"], name: "Metadata.Name", value: name, ...bad }]
    : [];
  for (const [key, value] of Object.entries((metadata["labels"] as JsonObject | undefined) ?? {})) {
    const path = ["metadata", "labels", key];
    const badKey = badQualifiedName(key);
    const badValue = badLabelValue(String(value));
    if (badKey !== undefined) problems.push({ path, name: "Metadata.Labels (label)", value: key, reason: badKey });
    if (badValue !== undefined) problems.push({ path, name: "Metadata.Labels (value)", value, reason: badValue });
  }
  return [...problems, ...annotationProblems((metadata["annotations"] as JsonObject | undefined) ?? {})];
}

function annotationProblems(annotations: JsonObject): FieldProblem[] {
  const problems: FieldProblem[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(String(value));
    const reason = badQualifiedName(key.toLowerCase());
    if (reason !== undefined)
      problems.push({ path: ["metadata", "annotations", key], name: "Metadata.Annotations (key)", value: key, reason });
  }
  if (bytes > MAX_ANNOTATIONS_BYTES) {
    problems.push({
      path: ["metadata", "annotations"],
      name: "Metadata.Annotations (key)",
      value: undefined,
      reason: `total size of annotations is too large by ${bytes - MAX_ANNOTATIONS_BYTES} bytes`,
    });
  }
  return problems;
}
