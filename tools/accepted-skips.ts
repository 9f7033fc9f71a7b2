/**
 * What may be skipped where everything is expected to run (`CI=true`): there, any other skip is a failure, so that no kind
 * of test vanishes in silence. Elsewhere, say without root, skips are only told.
 */
import type { Skip } from "./test-reporter.ts";

const accepted: readonly { readonly reason: RegExp; readonly why: string }[] = [
  { reason: /^virtual machines are made of x86-64 packages$/, why: "emulating another architecture takes minutes" },
  { reason: /^user namespaces are forbidden here$/, why: "a policy of the machine, which root may not lift" },
];

export const isAccepted = (skip: Skip): boolean => accepted.some(({ reason }) => reason.test(skip.reason));
