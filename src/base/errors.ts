/** Every error we raise on purpose: a stable `code` for machines, `detail` for the log line, `cause` for the chain. */
export class CodedError<C extends string = string, D extends object = object> extends Error {
  readonly code: C;
  readonly detail: Readonly<D>;

  constructor(code: C, message: string, detail: D, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.detail = detail;
  }
}

/**
 * The message of anything that was thrown, with the messages of its causes behind it. An error that stands for several, as
 * node:net throws where no address of a name answers, often has none of its own: then theirs.
 */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const isNameless = thrown.message === "" && thrown instanceof AggregateError;
  const message = isNameless ? thrown.errors.map(messageOf).join("; ") : thrown.message;
  return thrown.cause === undefined ? message : `${message}: ${messageOf(thrown.cause)}`;
}
