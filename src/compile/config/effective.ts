/**
 * The configuration that an agent really has, and where each value came from. Lowest to highest, as in Felix: default,
 * FelixConfiguration `default`, those with a nodeSelector that takes this node, `node.<name>`, `/etc/calico/felix.cfg`,
 * `FELIX_*` in the environment. A wrong value never stops the node: the next lower source counts, and the value is
 * reported.
 */

import type { Json, JsonObject } from "../../base/json.ts";
import { objectOf, specOf } from "../../base/json-fields.ts";
import type { SelectorMatcher } from "../../selector/matcher.ts";
import { SelectorError } from "../../selector/parse.ts";
import type { Labels } from "../../selector/selector.ts";
import { parseFelixFile } from "./felix-file.ts";
import { type AgentConfig, type Parameter, type ParameterKey, parameterKeys, parameters } from "./parameters.ts";
import { unactedGroups } from "./unacted.ts";

export type ConfigSource =
  | { readonly kind: "default" }
  /** A FelixConfiguration, by its name. */
  | { readonly kind: "object"; readonly name: string }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "environment"; readonly variable: string };

export interface ConfigProblem {
  /** `invalid`: not counted. `notActedOn`: understood, and without effect in this version. `unknown`: nobody knows it. */
  readonly kind: "invalid" | "notActedOn" | "unknown";
  /** Felix's name, or what was written where nobody knows it. */
  readonly parameter: string;
  readonly source: ConfigSource;
  /** What, where and the remedy in one sentence. */
  readonly message: string;
}

/** A FelixConfiguration as stored. */
export interface FelixObject {
  readonly name: string;
  readonly value: JsonObject;
}

export interface ConfigInputs {
  readonly node: { readonly name: string; readonly labels: Labels };
  readonly objects: readonly FelixObject[];
  /** `felix.cfg`, where there is one. */
  readonly file: { readonly path: string; readonly text: string } | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly matches: SelectorMatcher;
}

export interface EffectiveConfig {
  readonly config: AgentConfig;
  readonly sources: Readonly<Record<ParameterKey, ConfigSource>>;
  readonly problems: readonly ConfigProblem[];
}

/** One value as somebody wrote it. */
interface Setting {
  /** As written: a field, a key of the file, the rest of a variable's name. */
  readonly name: string;
  readonly raw: Json;
  readonly source: ConfigSource;
}

type Known =
  | { readonly acted: true; readonly key: ParameterKey }
  | { readonly acted: false; readonly name: string; readonly reason: string; readonly harmless: readonly string[] };

export function effectiveConfig(inputs: ConfigInputs): EffectiveConfig {
  const values: Record<string, unknown> = Object.fromEntries(
    parameterKeys.map((key) => [key, parameters[key].default]),
  );
  const sources: Record<string, ConfigSource> = Object.fromEntries(
    parameterKeys.map((key) => [key, { kind: "default" }]),
  );
  const problems: ConfigProblem[] = [];
  const known = { object: namesBy("field"), text: namesBy("name") };
  for (const setting of settingsOf(inputs, problems)) {
    if (setting.raw === null || setting.raw === "") continue;
    const found = (setting.source.kind === "object" ? known.object : known.text).get(setting.name.toLowerCase());
    if (!found) {
      problems.push(unknownSetting(setting));
    } else if (!found.acted) {
      const isHarmless = found.harmless.includes(String(setting.raw).toLowerCase());
      if (!isHarmless) problems.push(notActedOn(found.name, found.reason, setting));
    } else {
      const outcome = read(parameters[found.key], setting);
      if ("problem" in outcome) {
        problems.push(outcome.problem);
      } else {
        values[found.key] = outcome.value;
        sources[found.key] = setting.source;
      }
    }
  }
  return { config: values as unknown as AgentConfig, sources: sources as Record<ParameterKey, ConfigSource>, problems };
}

/** Text of a source for people: `FELIX_VXLANVNI of the environment`. */
export function describeSource(source: ConfigSource): string {
  switch (source.kind) {
    case "default":
      return "the default";
    case "object":
      return `FelixConfiguration(${source.name})`;
    case "file":
      return source.path;
    case "environment":
      return `${source.variable} of the environment`;
  }
}

/** Known names in lower case. */
function namesBy(kind: "field" | "name"): ReadonlyMap<string, Known> {
  const known = new Map<string, Known>();
  for (const { parameters: rows, reason } of unactedGroups) {
    for (const [name, field, harmless] of rows) {
      const written = kind === "name" ? name : field;
      known.set(written.toLowerCase(), {
        acted: false,
        name,
        reason,
        harmless: harmless.toLowerCase().split(" ").filter(Boolean),
      });
    }
  }
  for (const key of parameterKeys) known.set(parameters[key][kind].toLowerCase(), { acted: true, key });
  return known;
}

/** Every setting, lowest source first. */
function* settingsOf(inputs: ConfigInputs, problems: ConfigProblem[]): Iterable<Setting> {
  for (const { name, value } of objectsFor(inputs, problems)) {
    for (const [field, raw] of Object.entries(specOf(value))) {
      if (field !== "nodeSelector") yield { name: field, raw, source: { kind: "object", name } };
    }
  }
  if (inputs.file) {
    const source: ConfigSource = { kind: "file", path: inputs.file.path };
    const { entries, badLines } = parseFelixFile(inputs.file.text);
    for (const [name, raw] of entries) yield { name, raw, source };
    for (const line of badLines) {
      const message = `${inputs.file.path}, line ${line} is not counted: it must be 'Name = value'`;
      problems.push({ kind: "invalid", parameter: `line ${line}`, source, message });
    }
  }
  for (const [variable, raw = ""] of Object.entries(inputs.environment)) {
    if (!/^FELIX_/i.test(variable)) continue;
    yield { name: variable.slice("FELIX_".length), raw, source: { kind: "environment", variable } };
  }
}

/** The objects that count for this node, lowest first. Among those with a selector the oldest wins. */
function objectsFor({ node, objects, matches }: ConfigInputs, problems: ConfigProblem[]): readonly FelixObject[] {
  const selected = objects
    .filter(({ name, value }) => {
      const selector = specOf(value)["nodeSelector"];
      if (name === "default" || name.startsWith("node.") || typeof selector !== "string") return false;
      try {
        return matches(selector, node.labels);
      } catch (failure) {
        if (!(failure instanceof SelectorError)) throw failure;
        const source: ConfigSource = { kind: "object", name };
        const message = `${describeSource(source)} is not counted: its nodeSelector cannot be read: ${failure.message}`;
        problems.push({ kind: "invalid", parameter: "nodeSelector", source, message });
        return false;
      }
    })
    .sort((a, b) => compare(ageOf(b), ageOf(a)) || compare(b.name, a.name));
  const named = (name: string): readonly FelixObject[] => objects.filter((object) => object.name === name);
  return [...named("default"), ...selected, ...named(`node.${node.name}`)];
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const ageOf = ({ value }: FelixObject): string => String(objectOf(value["metadata"])["creationTimestamp"] ?? "");

function read(
  { name, parser }: Parameter<unknown>,
  setting: Setting,
): { readonly value: unknown } | { readonly problem: ConfigProblem } {
  const { raw, source } = setting;
  const isNone = source.kind !== "object" && typeof raw === "string" && raw.toLowerCase() === "none";
  const outcome = isNone ? parser.none : parser.parse(raw);
  if (outcome) return outcome;
  const message = `${describeSource(source)} sets ${name} to ${shown(raw)}, which is not counted: it must be ${parser.expects}`;
  return { problem: { kind: "invalid", parameter: name, source, message } };
}

function notActedOn(name: string, reason: string, { raw, source }: Setting): ConfigProblem {
  const message = `${describeSource(source)} sets ${name} to ${shown(raw)}, which is not acted on: ${reason}`;
  return { kind: "notActedOn", parameter: name, source, message };
}

function unknownSetting({ name, source }: Setting): ConfigProblem {
  const message = `${describeSource(source)} sets ${name}, which is no parameter of Felix; check its spelling`;
  return { kind: "unknown", parameter: name, source, message };
}

const shown = (raw: Json): string => {
  const text = typeof raw === "string" ? `'${raw}'` : JSON.stringify(raw, (_, item) => plain(item));
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
};
const plain = (item: unknown): unknown => (typeof item === "bigint" ? String(item) : item);
