/** What came of a command over several objects, and how Calico words it: section "Messages" of its tools. */
import { CodedError } from "../../base/errors.ts";
import { StoreError } from "../../port/store.ts";
import { placeLine } from "../../resources/input/decode.ts";
import { at, textAt } from "../../resources/kinds/kind.ts";
import { ResourceError } from "../../resources/problems.ts";
import type { Target } from "./targets.ts";

export interface Io {
  out(text: string): void;
  err(text: string): void;
}

/** One object that was refused. */
export interface Failure {
  readonly target: Target;
  readonly error: CodedError;
}

export interface Outcome {
  readonly total: number;
  /** What Calico counts as handled; with `replace` it counts failures too. */
  readonly handled: number;
  readonly failures: readonly Failure[];
  /** The kind, where all objects are of one. */
  readonly singleKind: string | undefined;
}

/** Carries the work out on every target; a refusal of one does not stop the others, trouble with the store does. */
export async function eachTarget(
  targets: readonly Target[],
  work: (target: Target) => Promise<void>,
  options: { readonly countsFailures?: boolean } = {},
): Promise<Outcome> {
  let handled = 0;
  const failures: Failure[] = [];
  for (const target of targets) {
    try {
      await work(target);
      handled++;
    } catch (error) {
      if (!(error instanceof CodedError) || isStoreTrouble(error)) throw error;
      failures.push({ target, error });
      const isEarly = error instanceof ResourceError && error.code === "namespace";
      if (options.countsFailures && !isEarly) handled++;
    }
  }
  const kinds = new Set(targets.map(({ row }) => row.kind));
  return { total: targets.length, handled, failures, singleKind: kinds.size === 1 ? [...kinds][0] : undefined };
}

/** Not: an object that cannot be read. */
const isStoreTrouble = (error: CodedError): boolean => error instanceof StoreError && error.detail.key === undefined;

/** Go's `%v` of a list of errors. */
const listed = (failures: readonly Failure[]): string => `[${failures.map(({ error }) => error.message).join(" ")}]`;

/** Our lines below Calico's: where each field stands and what to write. */
export function remedies(failures: readonly Failure[]): string {
  return failures
    .flatMap(({ target, error }) => {
      if (!(error instanceof ResourceError)) return [];
      const { problems, remedy } = error.detail;
      const placed = problems.flatMap((problem) => {
        if (target.origin) return [`  ${placeLine(target.origin, problem)}\n`];
        return problem.remedy === undefined ? [] : [`  ${problem.remedy}\n`];
      });
      return remedy === undefined ? placed : [...placed, `  ${remedy}\n`];
    })
    .join("");
}

export interface Verb {
  /** `apply`. */
  readonly name: string;
  /** `applied`. */
  readonly past: string;
}

/** Reports create, apply and validate. Gives the exit code. */
export function reportWrites(outcome: Outcome, verb: Verb, io: Io): number {
  const { total, handled, failures, singleKind } = outcome;
  if (total === 0) io.out("No resources specified\n");
  if (failures.length === 0) {
    if (total > 0) io.out(`Successfully ${verb.past} ${handled}${ofKind(singleKind)} resource(s)\n`);
    return 0;
  }
  if (handled === 0) {
    const which = total === 1 ? `'${singleKind}' resource` : `any${ofKind(singleKind)} resources`;
    io.err(`failed to ${verb.name} ${which}: ${listed(failures)}\n`);
  } else {
    if (handled > failures.length) io.out(partial(outcome, verb));
    io.err(`hit error: ${listed(failures)}\n`);
  }
  io.err(remedies(failures));
  return 1;
}

const ofKind = (kind: string | undefined): string => (kind === undefined ? "" : ` '${kind}'`);

const partial = ({ handled, total, singleKind }: Outcome, verb: Verb): string =>
  `Partial success: ${verb.past} the first ${handled} out of ${total}${ofKind(singleKind)} resources:\n`;

/** Reports replace, which keeps the last error alone and counts what failed at the store as handled. */
export function reportReplaces(outcome: Outcome, io: Io): number {
  const { total, handled, failures, singleKind } = outcome;
  const verb = { name: "replace", past: "replaced" };
  const last = failures.at(-1);
  if (!last) return reportWrites(outcome, verb, io);
  if (handled === 0) {
    const which = total === 1 ? `'${singleKind}' resource` : `any${ofKind(singleKind)} resources`;
    io.err(`failed to replace ${which}: ${last.error.message}\n`);
  } else {
    io.out(partial(outcome, verb));
    io.err(`hit error: ${last.error.message}\n`);
  }
  io.err(remedies(failures));
  return 1;
}

/** Reports delete: what went first, then a line for each failure. */
export function reportDeletes(outcome: Outcome, io: Io): number {
  const { total, handled, failures, singleKind } = outcome;
  if (total === 0) io.out("No resources specified\n");
  if (handled > 0) io.out(`Successfully deleted ${handled}${ofKind(singleKind)} resource(s)\n`);
  for (const failure of failures) {
    io.err(`Failed to delete${ofKind(singleKind)} resource: ${failure.error.message}\n${remedies([failure])}`);
  }
  return failures.length === 0 ? 0 : 1;
}

/** Says of each kind that was written, of each name, and of each field that was set, that it is only stored so far. */
export function tellNotEnforced(targets: readonly Target[], io: Io): void {
  const rows = new Map(targets.map(({ row }) => [row.kind, row]));
  for (const { kind, notEnforced } of rows.values()) {
    if (notEnforced !== undefined)
      io.err(`ocicat: ${kind} is stored, but this version does not act on it: ${notEnforced}\n`);
  }
  for (const line of new Set(targets.flatMap((target) => [...nameNotEnforced(target), ...fieldsNotEnforced(target)])))
    io.err(line);
}

function nameNotEnforced({ row, object }: Target): readonly string[] {
  const name = textAt(object, "metadata", "name");
  const why = row.notEnforcedName?.(name);
  return why === undefined
    ? []
    : [`ocicat: ${row.kind} is acted on, but this version does not act on one named '${name}': ${why}\n`];
}

function fieldsNotEnforced({ row, object }: Target): readonly string[] {
  return Object.entries(row.notEnforcedFields ?? {}).flatMap(([field, { why, unless, beside }]) => {
    const value = at(object, "spec", field);
    if (beside?.every((other) => at(object, "spec", other) === undefined)) return [];
    if (value === undefined || value === unless || (Array.isArray(value) && value.length === 0)) return [];
    return [`ocicat: ${row.kind} is acted on, but this version does not act on spec.${field}: ${why}\n`];
  });
}
