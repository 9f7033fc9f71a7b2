/** Log lines on a stream: JSON, or readable and coloured where a person looks. */
import { styleText } from "node:util";
import { messageOf } from "../base/errors.ts";
import type { WallClock } from "../port/clock.ts";
import type { Log, LogFields } from "../port/log.ts";

const levels = ["error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof levels)[number];
const colours = { error: "red", warn: "yellow", info: "cyan", debug: "gray" } as const;

export interface LogOptions {
  readonly stream: { write(text: string): unknown };
  readonly clock: WallClock;
  /** The least important level that is written, at first. */
  readonly level: LogLevel;
  /** Readable lines with colours, in place of JSON. */
  readonly isTerminal: boolean;
}

export class StreamLog implements Log {
  readonly #options: LogOptions;
  readonly #fields: LogFields;
  /** Shared by a log and its children. */
  readonly #least: { level: LogLevel };

  constructor(options: LogOptions, fields: LogFields = {}, least = { level: options.level }) {
    this.#options = options;
    this.#fields = fields;
    this.#least = least;
  }

  set level(level: LogLevel) {
    this.#least.level = level;
  }

  error(message: string, fields?: LogFields, error?: unknown): void {
    this.#write("error", message, fields, error);
  }

  warn(message: string, fields?: LogFields, error?: unknown): void {
    this.#write("warn", message, fields, error);
  }

  info(message: string, fields?: LogFields): void {
    this.#write("info", message, fields);
  }

  debug(message: string, fields?: LogFields): void {
    this.#write("debug", message, fields);
  }

  child(fields: LogFields): Log {
    return new StreamLog(this.#options, { ...this.#fields, ...fields }, this.#least);
  }

  #write(level: LogLevel, message: string, fields: LogFields = {}, error?: unknown): void {
    const { stream, clock, isTerminal } = this.#options;
    if (levels.indexOf(level) > levels.indexOf(this.#least.level)) return;
    const time = clock.now().toISOString();
    const all = { ...this.#fields, ...fields, ...(error === undefined ? {} : { error: messageOf(error) }) };
    if (!isTerminal) {
      stream.write(`${JSON.stringify({ time, level, message, ...all }, plain)}\n`);
      return;
    }
    const details = Object.entries(all).map(([name, value]) => ` ${styleText("dim", `${name}=`)}${inline(value)}`);
    stream.write(
      `${styleText("dim", time.slice(11, 23))} ${styleText(colours[level], level.padEnd(5))} ${message}${details.join("")}\n`,
    );
  }
}

const plain = (_name: string, value: unknown): unknown => (typeof value === "bigint" ? value.toString() : value);
const inline = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value, plain));
