/** One log line: a constant message, fields as data, an error apart. */
export type LogFields = Readonly<Record<string, unknown>>;

/** `error`: a human must act; `warn`: degraded, and how; `info`: a state change; `debug`: every event and effect. */
export interface Log {
  error(message: string, fields?: LogFields, error?: unknown): void;
  warn(message: string, fields?: LogFields, error?: unknown): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** A log that adds these fields (`component`, an identity) to every line. */
  child(fields: LogFields): Log;
}
