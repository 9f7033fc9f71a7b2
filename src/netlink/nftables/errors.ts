/** What is wrong with a tree before any kernel sees it. */
import { CodedError } from "../../base/errors.ts";

/** `where` names the table, chain, set or rule. */
export class NftTreeError extends CodedError<
  "badElement" | "badName" | "badHook" | "badRule" | "overlap" | "tooLarge",
  { where: string }
> {}
