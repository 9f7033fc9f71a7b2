/**
 * What is wrong with an object, field by field, in the words that Calico's users search for, and what to write instead.
 * Texts: `libcalico-go/lib/errors`.
 */
import { CodedError } from "../base/errors.ts";
import { formatJson } from "../base/json.ts";
import type { ObjectKey } from "../port/store.ts";

/** Names of fields and indices of lists, from the top of the object. */
export type FieldPath = readonly (string | number)[];

export interface FieldProblem {
  readonly path: FieldPath;
  /** As Calico's messages name the field: `IPPool.Spec.CIDR`. */
  readonly name: string;
  /** What was given; undefined where nothing was. */
  readonly value: unknown;
  readonly reason: string;
  /** What to write instead; undefined where the reason says it. */
  readonly remedy?: string | undefined;
}

export type ResourceErrorCode =
  | "validation"
  | "notFound"
  | "exists"
  | "conflict"
  | "unsupported"
  | "namespace"
  | "inUse";

/** A refusal of one object. The message is Calico's; `problems` and `remedy` are what we add. */
export class ResourceError extends CodedError<
  ResourceErrorCode,
  { object: string; problems: readonly FieldProblem[]; remedy?: string | undefined }
> {}

/** `IPPool(default)`, `WorkloadEndpoint(ns/name)`. */
export const describeKey = ({ kind, namespace, name }: ObjectKey): string =>
  namespace === undefined ? `${kind}(${name})` : `${kind}(${namespace}/${name})`;

export function validationError(key: ObjectKey, problems: readonly FieldProblem[]): ResourceError {
  return new ResourceError("validation", validationText(problems), { object: describeKey(key), problems });
}

function validationText(problems: readonly FieldProblem[]): string {
  const [first, ...others] = problems;
  if (first && others.length === 0) return `error with field ${problemText(first)}`;
  return `error with the following fields:\n${problems.map((problem) => `-  ${problemText(problem)}\n`).join("")}`;
}

function problemText({ name, value, reason }: FieldProblem): string {
  return value === undefined ? `${name} (${reason})` : `${name} = '${valueText(value)}' (${reason})`;
}

/** A value as Go's `%v` prints it, as far as people meet it: lists in brackets without commas, objects as JSON. */
export function valueText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(" ")}]`;
  return typeof value === "object" && value !== null ? formatJson(value) : String(value);
}

export const notFound = (key: ObjectKey): ResourceError =>
  new ResourceError("notFound", `resource does not exist: ${describeKey(key)} with error: <nil>`, {
    object: describeKey(key),
    problems: [],
  });

export const alreadyExists = (key: ObjectKey): ResourceError =>
  new ResourceError("exists", `resource already exists: ${describeKey(key)} with error: <nil>`, {
    object: describeKey(key),
    problems: [],
  });

export const updateConflict = (key: ObjectKey, remedy: string): ResourceError =>
  new ResourceError("conflict", `update conflict: ${describeKey(key)}`, {
    object: describeKey(key),
    problems: [],
    remedy,
  });

/** `subject` as Calico prints it here: the kind alone, or the object. */
export const notSupported = (operation: string, subject: string, reason: string): ResourceError =>
  new ResourceError("unsupported", `operation ${operation} is not supported on ${subject}: ${reason}`, {
    object: subject,
    problems: [],
  });

/** `spec.bgp.ipv4Address`, `spec.ingress[0].action`; keys that are no plain words in quotes. */
export function pathText(path: FieldPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (!/^[\w-]+$/.test(step)) text += `["${step}"]`;
    else text += text === "" ? step : `.${step}`;
  }
  return text;
}

/** Runs of lower-case letters that Go's names write otherwise. */
const acronyms: Readonly<Record<string, string>> = {
  as: "AS",
  aws: "AWS",
  bgp: "BGP",
  bpf: "BPF",
  cidr: "CIDR",
  http: "HTTP",
  icmp: "ICMP",
  ip: "IP",
  ipam: "IPAM",
  ipip: "IPIP",
  ipv: "IPv",
  mac: "MAC",
  mtu: "MTU",
  nat: "NAT",
  nftables: "NFTables",
  qos: "QoS",
  vxlan: "VXLAN",
  xdp: "XDP",
};

/** Calico's name of a field in messages, which is the Go name: `cidr` → `CIDR`, `natOutgoing` → `NATOutgoing`. */
export function goName(path: FieldPath): string {
  if (path[0] === "metadata") return `Metadata.${capital(String(path[1] ?? ""))}`;
  const field = path.findLast((step) => typeof step === "string");
  return field === undefined ? "" : capital(field);
}

function capital(field: string): string {
  const run = /^[a-z]+/.exec(field)?.[0] ?? "";
  const written = acronyms[run] ?? run.charAt(0).toUpperCase() + run.slice(1);
  return written + field.slice(run.length);
}
