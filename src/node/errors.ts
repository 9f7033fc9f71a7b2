/** What keeps a node from starting. Each message names what, where, and the remedy. */
import { CodedError } from "../base/errors.ts";

export interface EnvironmentProblem {
  readonly variable: string;
  readonly message: string;
}

export class EnvironmentError extends CodedError<
  "badEnvironment",
  { readonly problems: readonly EnvironmentProblem[] }
> {
  constructor(problems: readonly EnvironmentProblem[]) {
    super("badEnvironment", problems.map(({ message }) => message).join("; "), { problems });
  }
}

export class NodeStartError extends CodedError<
  | "noNodeName"
  /** Detection found nothing, and nothing was set before. */
  | "noAddress"
  /** Another node has the address. */
  | "addressTaken"
  /** An object changed under every attempt to write it. */
  | "contended",
  { readonly subject: string; readonly explanation?: readonly string[] }
> {}
