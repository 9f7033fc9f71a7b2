/** What a runtime is told when something fails: the CNI specification's error codes, and ours from 100 on. */
import { CodedError, messageOf } from "../base/errors.ts";
import { StoreError } from "../port/store.ts";

/** CNI specification, "Error"; 100 and up are the plugin's own. */
export const ErrorCode = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  badContent: 6,
  invalidConfiguration: 7,
  tryAgainLater: 11,
  notAvailable: 50,
  failed: 100,
  checkFailed: 101,
  noAddress: 102,
} as const;

export type ErrorCodeNumber = (typeof ErrorCode)[keyof typeof ErrorCode];

/** Refuses a call. `message` says what and where, `remedy` what mends it; both reach the runtime's log. */
export class CniError extends CodedError<"cni", { number: ErrorCodeNumber; remedy: string }> {
  constructor(number: ErrorCodeNumber, message: string, remedy = "", options?: ErrorOptions) {
    super("cni", message, { number, remedy }, options);
  }
}

/**
 * Any failure as a runtime reads it. Trouble with the store passes by itself: the runtime tries again, or hears from a
 * STATUS that new pods cannot come now.
 */
export function asCniError(failure: unknown, isStatus = false): CniError {
  if (failure instanceof CniError) return failure;
  if (failure instanceof StoreError && failure.code === "malformed") {
    return new CniError(ErrorCode.tryAgainLater, messageOf(failure), "", { cause: failure });
  }
  if (failure instanceof StoreError) {
    const remedy = "the agent goes on trying; check that the store runs and can be reached from this host";
    const number = isStatus ? ErrorCode.notAvailable : ErrorCode.tryAgainLater;
    return new CniError(number, messageOf(failure), remedy, { cause: failure });
  }
  return new CniError(ErrorCode.failed, messageOf(failure), "", { cause: failure });
}

/** The error result, as every version of the specification has it. */
export const errorResult = (error: CniError, cniVersion: string): string =>
  JSON.stringify({
    cniVersion,
    code: error.detail.number,
    msg: error.message,
    ...(error.detail.remedy === "" ? {} : { details: error.detail.remedy }),
  });
