/**
 * Where labs are found: one folder each below the labs root, with `lab.json` (what it is), and `lock`, held by its
 * supervisor as long as it lives. A folder whose lock is free is what a killed lab left behind.
 */
import fs from "node:fs";
import path from "node:path";
import { CodedError } from "../base/errors.ts";
import type { LabRecord } from "../port/lab-record.ts";
import { isLocked } from "./linux/file-lock.ts";

export class LabDirectoryError extends CodedError<"labRecord" | "othersLabs", { path: string }> {}

/** The labs of root, whom the environment gives no other folder. */
export const ROOTS_LABS = "/run/ocicat/labs";

/** The folder of all labs of this user: `OCICAT_LAB_DIR`, or by the user's id. It need not exist yet. */
export function labsRoot(env: Readonly<Record<string, string | undefined>>, uid: number): string {
  const given = env["OCICAT_LAB_DIR"];
  if (given) return path.resolve(given);
  if (uid === 0) return ROOTS_LABS;
  const runtime = env["XDG_RUNTIME_DIR"];
  return runtime && fs.existsSync(runtime) ? path.join(runtime, "ocicat/labs") : `/tmp/ocicat-${uid}/labs`;
}

export interface LabFolder {
  readonly name: string;
  readonly path: string;
  /** `running`: a supervisor holds the lock; `left`: nobody does. */
  readonly state: "running" | "left";
}

/** Every lab folder below the root, in order of names; none when the root does not exist. Throws LabDirectoryError. */
export function labFolders(root: string): LabFolder[] {
  return subfolders(root).map((name) => {
    const folder = path.join(root, name);
    return { name, path: folder, state: isLocked(lockFile(folder)) ? "running" : "left" };
  });
}

/** Whether a lab may run below the root: there are folders, or this user may not look. */
export function mayHoldLabs(root: string): boolean {
  try {
    return subfolders(root).length > 0;
  } catch (failure) {
    if (failure instanceof LabDirectoryError) return true;
    throw failure;
  }
}

export const lockFile = (folder: string): string => path.join(folder, "lock");
export const recordFile = (folder: string): string => path.join(folder, "lab.json");

/** The labs that run and are ready, in order of names. Throws LabDirectoryError when a record cannot be read. */
export async function listLabs(root: string): Promise<LabRecord[]> {
  return labFolders(root).flatMap(({ path: folder, state }) => {
    const record = state === "running" ? readLabRecord(folder) : undefined;
    return record ? [record] : [];
  });
}

/** A lab's record; undefined while the lab is still being built. */
export function readLabRecord(folder: string): LabRecord | undefined {
  const file = recordFile(folder);
  let text: string;
  try {
    text = fs.readFileSync(file, "utf8");
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw failure;
  }
  let record: Partial<LabRecord>;
  try {
    record = JSON.parse(text) as Partial<LabRecord>;
  } catch (cause) {
    throw new LabDirectoryError("labRecord", `${file} is not JSON`, { path: file }, { cause });
  }
  if (record.version !== 1) {
    throw new LabDirectoryError("labRecord", `${file} is of another version of ocicat; take that lab down first`, {
      path: file,
    });
  }
  return record as LabRecord;
}

/** Replaces the record in one step, so that a reader sees the old or the new one. */
export function writeLabRecord(record: LabRecord): void {
  const file = recordFile(record.folder);
  fs.writeFileSync(`${file}.new`, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
  fs.renameSync(`${file}.new`, file);
}

function subfolders(root: string): string[] {
  try {
    const entries = fs.readdirSync(root, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException;
    if (code === "ENOENT") return [];
    if (code !== "EACCES") throw failure;
    const message = `this user may not look at the labs in ${root}; run the command as the user who brought them up`;
    throw new LabDirectoryError("othersLabs", message, { path: root });
  }
}
