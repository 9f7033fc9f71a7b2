/**
 * One line per test file as it ends, failures whole, skips with their reasons at the end: of tests, of whole suites, and of
 * files in which nothing ran. Leaves the counts and the skips in the file that OCICAT_TEST_COUNTS names.
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

/** What OCICAT_TEST_COUNTS holds in the end. */
export interface Counted {
  readonly passed: number;
  readonly failed: number;
  readonly skips: readonly Skip[];
}

export const describeSkip = ({ file, name, reason }: Skip): string => `${file}: ${name}: ${reason}`;

const relative = (file: string | undefined): string => path.relative(process.cwd(), file ?? "");

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const counts = { passed: 0, failed: 0 };
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
      if (details.type === "suite") {
        // A suite that fails by its tests has been told of by them; one whose set-up failed has not.
        if (event.type === "test:fail" && !isOfItsTests(event.data.details.error)) yield failure(event.data);
        continue;
      }
      if (event.type === "test:pass") {
        // A file that registers nothing passes as a whole.
        if (isFile) skips.push({ file: relative(file), name: "the file", reason: "registers no test" });
        else counts.passed++;
      } else {
        counts.failed++;
        yield failure(event.data);
      }
    } else if (event.type === "test:summary" && event.data.file !== undefined) {
      const { file, counts: of, duration_ms } = event.data;
      yield `${of.passed + of.skipped + of.todo < of.tests ? "✖" : "✔"} ${relative(file)} ${of.passed}/${of.tests} ${(duration_ms / 1000).toFixed(1)} s\n`;
    } else if (event.type === "test:stderr" && process.env["OCICAT_TEST_STDERR"]) {
      yield event.data.message;
    }
  }
  if (skips.length > 0) yield `\nskipped:\n${skips.map((skip) => `  ${describeSkip(skip)}\n`).join("")}`;
  const target = process.env["OCICAT_TEST_COUNTS"];
  if (target) fs.writeFileSync(target, JSON.stringify({ ...counts, skips } satisfies Counted));
}

interface Failed {
  readonly name: string;
  readonly file?: string;
  readonly details: { readonly duration_ms: number; readonly error: Error };
}

const failure = ({ name, file, details: { duration_ms, error } }: Failed): string =>
  `\n✖ ${relative(file)}: ${name} (${Math.round(duration_ms)} ms)\n${inspect(error.cause ?? error, { depth: 6 })}\n`;

const isOfItsTests = (error: Error): boolean => (error as { failureType?: string }).failureType === "subtestsFailed";
