/** Which file is a revision log of ours, and how one is opened and made. */
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { CodedError } from "../../base/errors.ts";
import { LogError } from "../../port/revision-log.ts";
import { allRows, prepareScan } from "./sqlite-row.ts";
import { damageAt } from "./write-ahead-log.ts";

/** SQLite keeps it beside the file. */
export const writeAheadLogOf = (file: string): string => `${file}-wal`;

/** "ocic", in the header that every SQLite file has (https://www.sqlite.org/fileformat.html). */
const APPLICATION_ID = 0x6f636963;
const LAYOUT = 1;
const MAGIC = "SQLite format 3\0";
const HEADER = { octets: 100, userVersion: 60, applicationId: 68 } as const;

const TABLES = `
  CREATE TABLE log (
    sequence INTEGER PRIMARY KEY, revision INTEGER NOT NULL, key BLOB NOT NULL, created INTEGER NOT NULL,
    version INTEGER NOT NULL, lease INTEGER, value BLOB, crc INTEGER NOT NULL
  );
  CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL);
  CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
`;

/** SQLite's result codes (https://www.sqlite.org/rescode.html), as far as they mean something of their own here. */
const codeByResult: Readonly<Record<number, LogError["code"]>> = {
  5: "locked",
  6: "locked",
  11: "corrupt",
  13: "full",
  26: "foreign",
};

const remedies: Readonly<Record<LogError["code"], string>> = {
  locked: "another process has it open; stop that one, or give this one a file of its own",
  foreign: "it is no store of ocicat; nothing was changed: name another file",
  newer: "a newer version of ocicat wrote it; nothing was changed: run that version",
  corrupt: "its content is damaged; nothing was changed: put a copy from before in its place, or start with a new file",
  full: "there is no room on the disk",
  failed: "the disk refused",
};

/** What SQLite or the disk threw, as our own error with a remedy; their words follow as its cause. */
export function logError(file: string, failure: unknown): LogError {
  if (failure instanceof LogError) return failure;
  const result = failure instanceof Error && "errcode" in failure ? Number(failure.errcode) & 0xff : 0;
  const code = codeByResult[result] ?? "failed";
  return new LogError(code, `${file}: ${remedies[code]}`, { file }, { cause: failure });
}

const refuse = (code: LogError["code"], file: string, what: string): LogError =>
  new LogError(code, `${file}: ${what}: ${remedies[code]}`, { file });

/**
 * The file behind all links, made empty where there is none: SQLite keeps the write-ahead log beside that one. Throws LogError.
 */
export function logFileAt(file: string): string {
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    // SQLite would make it readable by everybody.
    if (!fs.existsSync(file)) fs.closeSync(fs.openSync(file, "a", 0o600));
    return fs.realpathSync(file);
  } catch (failure) {
    throw logError(file, failure);
  }
}

/** Opens the file, locked until the process ends or the database is closed. Throws LogError. */
export function openLogFile(file: string): DatabaseSync {
  try {
    const isNew = !isOurs(file);
    checkWriteAheadLog(file);
    if (!isNew) checkContent(file);
    const database = new DatabaseSync(file);
    try {
      // Until it is somebody's to sync, SQLite syncs each transaction.
      database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL");
      if (isNew) make(database);
      database.exec("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE; COMMIT");
    } catch (failure) {
      database.close();
      throw failure;
    }
    return database;
  } catch (failure) {
    if (failure instanceof CodedError) throw failure;
    throw logError(file, failure);
  }
}

/** The header is in the file before the tables are: a file that lacks it was never one of ours. */
function make(database: DatabaseSync): void {
  database.exec(`
    PRAGMA auto_vacuum = INCREMENTAL;
    BEGIN EXCLUSIVE;
    PRAGMA application_id = ${APPLICATION_ID};
    PRAGMA user_version = ${LAYOUT};
    ${TABLES}
    COMMIT;
  `);
}

/** False where nothing is yet. Reads the header without SQLite, which would write to files it takes for its own. */
function isOurs(file: string): boolean {
  const header = Buffer.alloc(HEADER.octets);
  let length: number;
  const descriptor = fs.openSync(file, "r");
  try {
    length = fs.readSync(descriptor, header);
  } finally {
    fs.closeSync(descriptor);
  }
  if (length === 0) return false;
  if (length < HEADER.octets || header.toString("latin1", 0, MAGIC.length) !== MAGIC) {
    throw refuse("foreign", file, "it is no database");
  }
  if (header.readUInt32BE(HEADER.applicationId) !== APPLICATION_ID) {
    throw refuse("foreign", file, "it is a database of another program");
  }
  const layout = header.readUInt32BE(HEADER.userVersion);
  if (layout > LAYOUT) throw refuse("newer", file, `it has layout ${layout}, this version knows ${LAYOUT}`);
  return true;
}

function checkWriteAheadLog(file: string): void {
  const log = writeAheadLogOf(file);
  const at = damageAt(log);
  if (at !== undefined)
    throw refuse("corrupt", file, `${log} is damaged at octet ${at}, and acknowledged changes stand behind it`);
}

/**
 * Looks at every page and every row without writing: a connection that can write would checkpoint even a broken file
 * when it closes. Where there is no write-ahead log, SQLite is told that nobody writes, so that it makes no files either.
 */
function checkContent(file: string): void {
  const url = pathToFileURL(file);
  if (!fs.existsSync(writeAheadLogOf(file))) url.searchParams.set("immutable", "1");
  const database = new DatabaseSync(url, { readOnly: true });
  try {
    const [first] = database.prepare("PRAGMA quick_check(1)").all();
    const verdict = String(first?.["quick_check"]);
    if (verdict !== "ok") throw refuse("corrupt", file, verdict.replaceAll("\n", " "));
    for (const _ of allRows(prepareScan(database), file));
  } finally {
    database.close();
  }
}
