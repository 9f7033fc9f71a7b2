/** What `npm test` says at its end. Counts come last and failures before them, for skips may be many. */
import { isAccepted } from "./accepted-skips.ts";
import type { Counted, Failure, Skip } from "./test-reporter.ts";

/** What runs beside the tests: types, lint, dead code. */
export interface Check {
  readonly name: string;
  readonly isOk: boolean;
}

export interface Circumstances {
  /** Skips that no row accepts are failures. */
  readonly isStrict: boolean;
  readonly isRoot: boolean;
}

export interface Summary {
  readonly text: string;
  readonly isGood: boolean;
}

export function summary(counts: Counted, checks: readonly Check[], { isStrict, isRoot }: Circumstances): Summary {
  const unaccepted = counts.skips.filter((skip) => !isAccepted(skip));
  const told = isStrict ? counts.skips.filter(isAccepted) : counts.skips;
  const failures = [
    ...checks.filter(({ isOk }) => !isOk).map(({ name }) => name),
    ...counts.failures.map(describeFailure),
    ...(isStrict ? unaccepted.map((skip) => `${describeSkip(skip)}: a skip that CI does not accept`) : []),
  ];
  const passed = counts.passed + checks.filter(({ isOk }) => isOk).length;
  const parts = [
    section("skipped", told.map(describeSkip)),
    // CI runs as root, and accepts what root cannot run either.
    !isRoot && unaccepted.length > 0 ? "\n== not run without root; 'sudo npm test' runs all\n" : "",
    section(
      "failed",
      failures.map((failure) => `✖ ${failure}`),
    ),
    `\n${passed} passed, ${failures.length} failed, ${counts.skips.length} skipped`,
  ];
  return { text: parts.join(""), isGood: failures.length === 0 && counts.passed > 0 };
}

const describeSkip = ({ file, name, reason }: Skip): string => `${file}: ${name}: ${reason}`;
const describeFailure = ({ file, name, message }: Failure): string => `${file}: ${name}: ${message}`;

const section = (title: string, rows: readonly string[]): string =>
  rows.length === 0 ? "" : `\n== ${title}:\n${rows.map((row) => `  ${row}\n`).join("")}`;
