/** A log that keeps its lines for the test to look at. */
import { messageOf } from "../base/errors.ts";
import type { Log, LogFields } from "../port/log.ts";

export interface LogLine {
  readonly level: "error" | "warn" | "info" | "debug";
  readonly message: string;
  readonly fields: LogFields;
}

export class SilentLog implements Log {
  readonly lines: LogLine[];
  readonly #fields: LogFields;

  constructor(lines: LogLine[] = [], fields: LogFields = {}) {
    this.lines = lines;
    this.#fields = fields;
  }

  error = (message: string, fields?: LogFields, error?: unknown): void => this.#keep("error", message, fields, error);
  warn = (message: string, fields?: LogFields, error?: unknown): void => this.#keep("warn", message, fields, error);
  info = (message: string, fields?: LogFields): void => this.#keep("info", message, fields);
  debug = (message: string, fields?: LogFields): void => this.#keep("debug", message, fields);

  child(fields: LogFields): Log {
    return new SilentLog(this.lines, { ...this.#fields, ...fields });
  }

  #keep(level: LogLine["level"], message: string, fields: LogFields = {}, error?: unknown): void {
    const why = error === undefined ? {} : { error: messageOf(error) };
    this.lines.push({ level, message, fields: { ...this.#fields, ...fields, ...why } });
  }
}
