/** patch: read, merge strategically, write back; again when somebody else wrote meanwhile. */
import { CodedError, messageOf } from "../../base/errors.ts";
import type { Json, JsonObject } from "../../base/json.ts";
import type { ObjectKey } from "../../port/store.ts";
import { checkObject, isPlainObject } from "../../resources/check.ts";
import { parseYaml } from "../../resources/input/yaml.ts";
import { at, textAt } from "../../resources/kinds/kind.ts";
import { pathText, ResourceError, valueText } from "../../resources/problems.ts";
import { outOfDate, type ResourceClient } from "../resource-client.ts";
import { strategicMerge } from "../strategic-merge.ts";
import { remedies, tellNotEnforced } from "./outcome.ts";
import { inNamespace, keyOfTarget, type NamespaceOptions, refuseUnknownFields, type Target } from "./targets.ts";
import type { VerbDeps } from "./write-verbs.ts";

class PatchFailure extends CodedError<"patch", { step: string }> {}

/** Each conflict is somebody's success: of as many writers at once all get through. */
const ATTEMPTS = 100;

/** The patch as a value. Throws PatchFailure for what is no object. */
function parsePatch(text: string): JsonObject {
  const fail = (what: string) =>
    new PatchFailure("patch", `performing strategic merge patch: ${what}`, { step: "parse" });
  let values: readonly Json[];
  try {
    values = parseYaml(text, "patch").map(({ value }) => value);
  } catch (error) {
    throw fail(messageOf(error));
  }
  const [value, ...others] = values;
  if (others.length > 0) throw fail(`the patch has ${values.length} documents; make one of them`);
  if (isPlainObject(value)) return value;
  throw fail(`the patch is no object; write it as '{"spec": {…}}'`);
}

/** Gives the exit code. */
export async function patch(
  given: Target,
  text: string,
  options: NamespaceOptions,
  { client, io }: VerbDeps,
): Promise<number> {
  const { kind } = given.row;
  try {
    const target = inNamespace(given, options);
    const patched = await patchOne(client, target, parsePatch(text));
    tellNotEnforced([patched], io);
    io.out(`Successfully patched 1 '${kind}' resource\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof ResourceError) && !(error instanceof PatchFailure)) throw error;
    io.err(`hit error: ${error.message}\n${remedies([{ target: given, error: causeOf(error) }])}`);
    return 1;
  }
}

const causeOf = (error: CodedError): CodedError => (error.cause instanceof CodedError ? error.cause : error);

/** Gives the target as it was written. */
async function patchOne(client: ResourceClient, target: Target, changes: JsonObject): Promise<Target> {
  const key = keyOfTarget(target);
  for (let attempt = 1; ; attempt++) {
    const was = await client.get(target.row, key);
    const candidate = await merged(client, target, was, changes);
    try {
      await client.update(candidate);
      return candidate;
    } catch (cause) {
      if (!(cause instanceof ResourceError)) throw cause;
      if (cause.code === "conflict" && attempt < ATTEMPTS) continue;
      throw new PatchFailure("patch", `updating existing resource: ${cause.message}`, { step: "update" }, { cause });
    }
  }
}

function mergedObject(was: JsonObject, changes: JsonObject): JsonObject {
  try {
    return strategicMerge(was, changes);
  } catch (cause) {
    throw new PatchFailure("patch", `performing strategic merge patch: ${messageOf(cause)}`, { step: "merge" });
  }
}

/** By what an object is told from others. */
const identity = [["kind"], ["apiVersion"], ["metadata", "name"], ["metadata", "namespace"]] as const;

/** Another object, or another revision of it, than the one that is patched. Throws PatchFailure. */
function refuseOther(key: ObjectKey, was: JsonObject, next: JsonObject): void {
  const fail = (what: string, cause?: unknown) =>
    new PatchFailure("patch", `updating existing resource: ${what}`, { step: "update" }, { cause });
  for (const path of identity) {
    const [stored, given] = [at(was, ...path), at(next, ...path)];
    if (given === stored) continue;
    throw fail(`${pathText(path)} of the stored object is '${valueText(stored)}' and cannot be patched; leave it out`);
  }
  const [revision, demanded] = [was, next].map((object) => textAt(object, "metadata", "resourceVersion"));
  if (demanded === revision) return;
  const cause = outOfDate(key, demanded ?? "", revision ?? "");
  throw fail(cause.message, cause);
}

/** The stored object with the changes, checked. */
async function merged(client: ResourceClient, target: Target, was: JsonObject, changes: JsonObject): Promise<Target> {
  const next = mergedObject(was, changes);
  refuseOther(keyOfTarget(target), was, next);
  const checked = checkObject(target.row, next);
  const fail = (what: string, cause?: unknown) =>
    new PatchFailure("patch", `creating resource from patched data: ${what}`, { step: "check" }, { cause });
  const [wrong] = checked.wrongTypes;
  if (wrong) {
    throw fail(`${pathText(wrong.path)}: ${wrong.reason}${wrong.remedy === undefined ? "" : `; ${wrong.remedy}`}`);
  }
  const candidate: Target = { ...target, ...checked };
  try {
    await refuseUnknownFields([candidate], client.store);
  } catch (cause) {
    throw fail(messageOf(cause));
  }
  return candidate;
}
