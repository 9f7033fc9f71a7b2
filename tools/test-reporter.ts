/**
 * One line per test file as it ends, and failures whole. Leaves in the file that OCICAT_TEST_COUNTS names what is told at
 * the end: how many passed, what failed, and skips with their reasons, of tests, of whole suites, and of files in which
 * nothing ran.
 */
import fs from "node:fs";
import path from "node:path";
import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";

export interface Skip {
  readonly file: string;
  readonly name: string;
  readonly reason: string;
}

export interface Failure {
  readonly file: string;
  readonly name: string;
  /** The first line of the error. */
  readonly message: string;
}

/** What OCICAT_TEST_COUNTS holds in the end. */
export interface Counted {
  readonly passed: number;
  readonly failures: readonly Failure[];
  readonly skips: readonly Skip[];
}

const relative = (file: string | undefined): string => path.relative(process.cwd(), file ?? "");

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  let passed = 0;
  const failures: Failure[] = [];
  const skips: Skip[] = [];
  for await (const event of source) {
    if (event.type === "test:pass" || event.type === "test:fail") {
      const { name, file, nesting, skip, details } = event.data;
      const isFile = nesting === 0 && file !== undefined && name.endsWith(".test.ts");
      if (skip !== undefined) {
        const reason = typeof skip === "string" ? skip : "no reason given";
        skips.push({ file: relative(file), name, reason });
        continue;
      }
      if (event.type === "test:fail") {
        // A suite that fails by its tests has been told of by them; one whose set-up failed has not.
        if (details.type === "suite" && isOfItsTests(event.data.details.error)) continue;
        failures.push({ file: relative(file), name, message: firstLine(event.data.details.error) });
        yield failure(event.data);
      } else if (details.type === "suite") {
        // Its tests are counted.
      } else if (isFile) {
        // A file that registers nothing passes as a whole.
        skips.push({ file: relative(file), name: "the file", reason: "registers no test" });
      } else {
        passed++;
      }
    } else if (event.type === "test:summary" && event.data.file !== undefined) {
      const { file, counts, duration_ms } = event.data;
      yield `${outcome(relative(file), counts)} ${(duration_ms / 1000).toFixed(1)} s\n`;
    } else if (event.type === "test:stderr" && process.env["OCICAT_TEST_STDERR"]) {
      yield event.data.message;
    }
  }
  const target = process.env["OCICAT_TEST_COUNTS"];
  if (target) fs.writeFileSync(target, JSON.stringify({ passed, failures, skips } satisfies Counted));
}

interface FileCounts {
  readonly tests: number;
  readonly passed: number;
  readonly skipped: number;
  readonly todo: number;
}

/** A file in short; one of which nothing ran is none that passed. */
function outcome(file: string, { tests, passed, skipped, todo }: FileCounts): string {
  if (passed + skipped + todo < tests) return `✖ ${file} ${passed}/${tests}`;
  if (passed === 0) return `﹣ ${file} skipped`;
  return `✔ ${file} ${passed}/${tests}${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

interface Failed {
  readonly name: string;
  readonly file?: string;
  readonly details: { readonly duration_ms: number; readonly error: Error };
}

const failure = ({ name, file, details: { duration_ms, error } }: Failed): string =>
  `\n✖ ${relative(file)}: ${name} (${Math.round(duration_ms)} ms)\n${inspect(error.cause ?? error, { depth: 6 })}\n`;

const isOfItsTests = (error: Error): boolean => (error as { failureType?: string }).failureType === "subtestsFailed";

function firstLine({ cause, message }: Error): string {
  const [line = ""] = (cause instanceof Error ? cause.message : message).split("\n");
  return line;
}
