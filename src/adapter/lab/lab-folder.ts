/** The folder of a lab: claimed under its lock, removed under its lock. */
import fs from "node:fs";
import path from "node:path";
import { CodedError } from "../../base/errors.ts";
import { labFolders, lockFile } from "../lab-directory.ts";
import { type FileLock, tryLock } from "../linux/file-lock.ts";
import { fitsSocket } from "../socket-path.ts";

export class LabFolderError extends CodedError<"nameTaken" | "badName" | "pathTooLong", { name: string }> {}

export interface ClaimedFolder {
  readonly name: string;
  readonly path: string;
  readonly lock: FileLock;
}

const NAME = /^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$/;
/** Labs of one topology that can run at once without names of their own. */
const MOST_NUMBERED = 100;

/**
 * Makes and locks a lab's folder. A name that was asked for must be free; a suggested one gets a number when it is
 * not. Throws LabFolderError.
 */
export function claimFolder(root: string, name: string, isSuggestion: boolean): ClaimedFolder {
  if (!NAME.test(name)) {
    throw new LabFolderError(
      "badName",
      `'${name}' is no name for a lab: lower-case letters, digits and '-', at most 42 (--name gives another)`,
      {
        name,
      },
    );
  }
  fs.mkdirSync(root, { recursive: true, mode: 0o700 });
  for (let number = 1; number <= (isSuggestion ? MOST_NUMBERED : 1); number++) {
    const candidate = number === 1 ? name : `${name}-${number}`;
    const claimed = claim(root, candidate);
    if (claimed) return claimed;
  }
  throw new LabFolderError(
    "nameTaken",
    `a lab '${name}' runs already; 'ocicat lab down ${name}' ends it, --name gives another name`,
    {
      name,
    },
  );
}

function claim(root: string, name: string): ClaimedFolder | undefined {
  const folder = path.join(root, name);
  for (;;) {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = lockFile(folder);
    let lock: FileLock | undefined;
    try {
      lock = tryLock(file);
    } catch (failure) {
      // Its last owner removed the folder between the two calls.
      if (fs.existsSync(folder)) throw failure;
      continue;
    }
    if (!lock) return undefined;
    if (isSameFile(lock.fd, file)) {
      removeContents(folder);
      return { name, path: folder, lock };
    }
    lock.release();
  }
}

/** Whether the locked file is still the one that others find by its path. */
function isSameFile(fd: number, file: string): boolean {
  const there = fs.statSync(file, { throwIfNoEntry: false });
  return there !== undefined && there.ino === fs.fstatSync(fd).ino;
}

/** Removes what is in the folder, save the lock. */
function removeContents(folder: string): void {
  for (const name of fs.readdirSync(folder)) {
    if (name !== "lock") fs.rmSync(path.join(folder, name), { recursive: true, force: true });
  }
}

/** Removes a lab's folder whose supervisor has ended; false while it lives. */
export function removeFolder(folder: string): boolean {
  if (!fs.existsSync(lockFile(folder))) {
    fs.rmSync(folder, { recursive: true, force: true });
    return true;
  }
  const lock = tryLock(lockFile(folder));
  if (!lock) return false;
  try {
    fs.rmSync(folder, { recursive: true, force: true });
  } finally {
    lock.release();
  }
  return true;
}

/** Removes the folders of killed labs and gives their names. */
export function removeLeftFolders(root: string): string[] {
  return labFolders(root).flatMap(({ name, path: folder, state }) =>
    state === "left" && removeFolder(folder) ? [name] : [],
  );
}

/** Throws LabFolderError when a socket at that path could not be bound. */
export function checkSocketPath(socket: string): string {
  if (fitsSocket(socket)) return socket;
  throw new LabFolderError(
    "pathTooLong",
    `${socket} is too long for a Unix socket; set OCICAT_LAB_DIR to a shorter folder`,
    {
      name: socket,
    },
  );
}
