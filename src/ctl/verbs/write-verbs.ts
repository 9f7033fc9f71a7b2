/** create, apply, replace and validate. */

import { ResourceError, validationError } from "../../resources/problems.ts";
import type { ResourceClient } from "../resource-client.ts";
import { eachTarget, type Io, reportReplaces, reportWrites, tellNotEnforced } from "./outcome.ts";
import { inNamespace, keyOfTarget, type NamespaceOptions, refuseUnknownFields, type Target } from "./targets.ts";

export interface WriteOptions extends NamespaceOptions {
  /** create: what is there already counts as done. */
  readonly skipExists?: boolean | undefined;
}

export interface VerbDeps {
  readonly client: ResourceClient;
  readonly io: Io;
}

/** Gives the exit code. Throws InputError for fields that no kind has. */
export async function create(
  targets: readonly Target[],
  options: WriteOptions,
  { client, io }: VerbDeps,
): Promise<number> {
  await refuseUnknownFields(targets, undefined);
  const outcome = await eachTarget(targets, async (target) => {
    try {
      await client.create(inNamespace(target, options));
    } catch (error) {
      const isThere = error instanceof ResourceError && error.code === "exists";
      if (!isThere || !options.skipExists) throw error;
    }
  });
  if (outcome.failures.length === 0) tellNotEnforced(targets, io);
  return reportWrites(outcome, { name: "create", past: "created" }, io);
}

export async function apply(
  targets: readonly Target[],
  options: WriteOptions,
  { client, io }: VerbDeps,
): Promise<number> {
  await refuseUnknownFields(targets, client.store);
  const outcome = await eachTarget(targets, async (target) => {
    await client.apply(inNamespace(target, options));
  });
  if (outcome.failures.length === 0) tellNotEnforced(targets, io);
  return reportWrites(outcome, { name: "apply", past: "applied" }, io);
}

export async function replace(
  targets: readonly Target[],
  options: WriteOptions,
  { client, io }: VerbDeps,
): Promise<number> {
  await refuseUnknownFields(targets, client.store);
  const outcome = await eachTarget(
    targets,
    async (target) => {
      await client.update(inNamespace(target, options));
    },
    { countsFailures: true },
  );
  if (outcome.failures.length === 0) tellNotEnforced(targets, io);
  return reportReplaces(outcome, io);
}

/** Checks objects by themselves; the store is not asked. */
export async function validate(targets: readonly Target[], options: NamespaceOptions, io: Io): Promise<number> {
  await refuseUnknownFields(targets, undefined);
  const outcome = await eachTarget(targets, async (target) => {
    const { brokenRules } = inNamespace(target, options);
    if (brokenRules.length > 0) throw validationError(keyOfTarget(target), brokenRules);
  });
  return reportWrites(outcome, { name: "validate", past: "validated" }, io);
}
