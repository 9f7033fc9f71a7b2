/** What the plugin says where no agent answers: the same words from the executable and from its portable form. */
import { ErrorCode } from "./errors.ts";
import { SUPPORTED_VERSIONS } from "./versions.ts";

export interface NoAnswer {
  readonly exitCode: 0 | 1;
  readonly stdout: string;
}

const newest = SUPPORTED_VERSIONS[SUPPORTED_VERSIONS.length - 1];

/** The answer to VERSION, which needs no agent. */
export const OWN_VERSIONS = JSON.stringify({ cniVersion: newest, supportedVersions: SUPPORTED_VERSIONS });

/** An error up to its code, the codes, and the rest. */
export const errorHead = '{"cniVersion":"1.0.0","code":';
export const errorCodes = { STATUS: String(ErrorCode.notAvailable), other: String(ErrorCode.tryAgainLater) } as const;
export const errorTail = (socketPath: string): string => {
  const msg = "the Ocicat agent on this host does not answer";
  const details = `no answer on ${socketPath}: check that 'ocicat node' runs on this host; the runtime tries again`;
  return `,${JSON.stringify({ msg, details }).slice(1)}`;
};

export function noAnswer(command: string | undefined, socketPath: string): NoAnswer {
  if (command === "VERSION") return { exitCode: 0, stdout: OWN_VERSIONS };
  const code = command === "STATUS" ? errorCodes.STATUS : errorCodes.other;
  return { exitCode: 1, stdout: `${errorHead}${code}${errorTail(socketPath)}` };
}
