/**
 * The plugin's log file: appended line by line, turned over at its size limit, old ones removed by count and age.
 * Names of old ones are the file's with the time of turning before the extension, as lumberjack writes them.
 */
import fs from "node:fs";
import path from "node:path";
import { messageOf } from "../../base/errors.ts";
import type { WallClock } from "../../port/clock.ts";
import type { Log, LogFields } from "../../port/log.ts";

export interface LogFileOptions {
  readonly path: string;
  readonly level: "debug" | "info" | "error";
  readonly maxSizeMegabytes: number;
  readonly maxAgeDays: number;
  readonly maxCount: number;
}

type Level = "error" | "warn" | "info" | "debug";
const RANK: Record<Level, number> = { error: 0, warn: 1, info: 2, debug: 3 };
const DAY_MS = 86_400_000;
const MEGABYTE = 1 << 20;

/**
 * A log that writes to the file and to `also`. The folder is made where it is missing. A file that cannot be written
 * costs no pod its network: `also` is told, once per log.
 */
export class FileLog implements Log {
  readonly #options: LogFileOptions;
  readonly #wallClock: WallClock;
  readonly #also: Log;
  readonly #fields: LogFields;
  #isBroken = false;

  constructor(
    options: LogFileOptions,
    deps: { readonly wallClock: WallClock; readonly also: Log },
    fields: LogFields = {},
  ) {
    this.#options = options;
    this.#wallClock = deps.wallClock;
    this.#also = deps.also;
    this.#fields = fields;
  }

  error(message: string, fields: LogFields = {}, error?: unknown): void {
    this.#write("error", message, fields, error);
    this.#also.error(message, { ...this.#fields, ...fields }, error);
  }

  warn(message: string, fields: LogFields = {}, error?: unknown): void {
    this.#write("warn", message, fields, error);
    this.#also.warn(message, { ...this.#fields, ...fields }, error);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#write("info", message, fields, undefined);
    this.#also.info(message, { ...this.#fields, ...fields });
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#write("debug", message, fields, undefined);
    this.#also.debug(message, { ...this.#fields, ...fields });
  }

  child(fields: LogFields): Log {
    const deps = { wallClock: this.#wallClock, also: this.#also };
    return new FileLog(this.#options, deps, { ...this.#fields, ...fields });
  }

  #write(level: Level, message: string, fields: LogFields, error: unknown): void {
    if (RANK[level] > RANK[this.#options.level] || this.#isBroken) return;
    const why = error === undefined ? {} : { error: messageOf(error) };
    const pairs = Object.entries({ ...this.#fields, ...fields, ...why }).map(
      ([key, value]) => ` ${key}=${shown(value)}`,
    );
    const now = this.#wallClock.now();
    const line = `${now.toISOString()} [${level.toUpperCase()}] ${message}${pairs.join("")}\n`;
    try {
      this.#turnOver(line.length, now);
      fs.appendFileSync(this.#options.path, line, { mode: 0o644 });
    } catch (failure) {
      this.#isBroken = true;
      this.#also.warn("the CNI log file cannot be written", { path: this.#options.path }, failure);
    }
  }

  #turnOver(added: number, now: Date): void {
    const { path: file, maxSizeMegabytes } = this.#options;
    const size = fs.statSync(file, { throwIfNoEntry: false })?.size;
    if (size === undefined) fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
    if (size === undefined || size + added <= maxSizeMegabytes * MEGABYTE) return;
    const { dir, name, ext } = path.parse(file);
    const stamp = now.toISOString().replace(/:/g, "-").slice(0, 23);
    fs.renameSync(file, path.join(dir, `${name}-${stamp}${ext}`));
    this.#removeOld(dir, name, ext, now);
  }

  #removeOld(folder: string, name: string, extension: string, now: Date): void {
    const { maxAgeDays, maxCount } = this.#options;
    const old = fs
      .readdirSync(folder)
      .filter((entry) => entry.startsWith(`${name}-`) && entry.endsWith(extension))
      .sort()
      .reverse();
    for (const [index, entry] of old.entries()) {
      const file = path.join(folder, entry);
      const isTooMany = maxCount > 0 && index >= maxCount;
      const isTooOld = maxAgeDays > 0 && now.getTime() - fs.statSync(file).mtimeMs > maxAgeDays * DAY_MS;
      if (isTooMany || isTooOld) fs.rmSync(file, { force: true });
    }
  }
}

const shown = (value: unknown): string => {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
};
