/**
 * `lab apply`: Kubernetes' own objects, as far as a lab has them. A Pod needs `spec.nodeName`, since there is no
 * scheduler; what belongs to containers (images, commands) is left aside, their ports answer HTTP.
 */

import type { Json, JsonObject } from "../../base/json.ts";
import { tryParseIpv4 } from "../../ip/address.ts";
import { parseYaml } from "../../resources/input/yaml.ts";
import { OBJECT_NAME, OBJECT_NAME_HELP, type PodSpec } from "../topology.ts";
import { Problems, YamlFields } from "../yaml-fields.ts";

export interface PodFile {
  readonly pods: readonly PodSpec[];
  /** Names of Namespaces that were in the file: a lab's pods may be in any. */
  readonly namespaces: readonly string[];
}

/** Calico's annotation for addresses that a pod asks for: a JSON list. */
const ADDRESSES_ANNOTATION = "cni.projectcalico.org/ipAddrs";
/** Throws InputError for what is no YAML, YamlFieldError for objects that a lab cannot take. */
export function readPodFile(text: string, file: string): PodFile {
  const pods: PodSpec[] = [];
  const namespaces: string[] = [];
  for (const document of parseYaml(text, file)) {
    const problems = new Problems(file, document);
    for (const fields of objectsOf(problems, document.value)) {
      const kind = fields.text("kind", "Pod or Namespace");
      fields.text("apiVersion", "v1", undefined, /^v1$/);
      if (kind === "Pod") pods.push(podOf(fields));
      else if (kind === "Namespace")
        namespaces.push(fields.object("metadata").text("name", OBJECT_NAME_HELP, undefined, OBJECT_NAME));
      else if (kind !== "") fields.wrong("kind", `the lab takes Pod and Namespace; ${kind} is for 'ocicat apply'`);
    }
    problems.check();
  }
  return { pods, namespaces };
}

/** The object of a document, or those of a List. */
function objectsOf(problems: Problems, value: Json): YamlFields[] {
  const fields = new YamlFields(problems, value);
  const isList = typeof value === "object" && value !== null && (value as JsonObject)["kind"] === "List";
  return isList ? fields.list("items") : [fields];
}

function podOf(fields: YamlFields): PodSpec {
  const metadata = fields.object("metadata");
  const spec = fields.object("spec");
  if (spec.flag("hostNetwork", false))
    spec.wrong("hostNetwork", "a pod in the host's network has none of its own to make");
  const address = askedAddress(metadata);
  return {
    namespace: metadata.text("namespace", OBJECT_NAME_HELP, "default", OBJECT_NAME),
    name: metadata.text("name", OBJECT_NAME_HELP, undefined, OBJECT_NAME),
    host: spec.text("nodeName", "the host that it runs on, since a lab has no scheduler"),
    labels: metadata.textMap("labels"),
    ...(address === undefined ? {} : { address }),
    serve: spec
      .list("containers")
      .flatMap((container) => container.list("ports").map((port) => port.integer("containerPort", 1, 65_535))),
    probed: true,
  };
}

function askedAddress(metadata: YamlFields): PodSpec["address"] {
  const text = metadata.textMap("annotations")[ADDRESSES_ANNOTATION];
  if (text === undefined) return undefined;
  const [only, ...more] = text.match(/[^[\]",\s]+/g) ?? [];
  const address = only === undefined ? undefined : tryParseIpv4(only);
  if (address === undefined || more.length > 0) {
    metadata.wrong("annotations", `${ADDRESSES_ANNOTATION}: expected one IPv4 address, as '["192.168.0.7"]'`);
  }
  return address;
}
