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

/** The message of anything that was thrown, with the messages of its causes behind it. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause === undefined ? thrown.message : `${thrown.message}: ${messageOf(thrown.cause)}`;
}
