/** delete: by name, or the objects of a file. */
import { textAt } from "../../resources/kinds/kind.ts";
import { describeKey, ResourceError } from "../../resources/problems.ts";
import { eachTarget, reportDeletes } from "./outcome.ts";
import { inNamespace, keyOfTarget, type NamespaceOptions, type Target } from "./targets.ts";
import type { VerbDeps } from "./write-verbs.ts";

export interface DeleteOptions extends NamespaceOptions {
  readonly skipNotExists?: boolean | undefined;
  /** Also what is still in use. */
  readonly force?: boolean | undefined;
}

/** Gives the exit code. */
export async function deleteTargets(
  targets: readonly Target[],
  options: DeleteOptions,
  { client, io }: VerbDeps,
): Promise<number> {
  const outcome = await eachTarget(targets, async (given) => {
    const target = inNamespace(given, options);
    const revision = textAt(target.object, "metadata", "resourceVersion") || undefined;
    try {
      const unreadable = await client.delete(target.row, keyOfTarget(target), revision, options.force === true);
      if (unreadable) io.err(`ocicat: warning: ${describeKey(unreadable.key)} was deleted unread: ${unreadable.why}\n`);
    } catch (error) {
      const isGone = error instanceof ResourceError && error.code === "notFound";
      if (!isGone || !options.skipNotExists) throw error;
    }
  });
  return reportDeletes(outcome, io);
}
