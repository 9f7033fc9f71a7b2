/**
 * Whole-file locks that end with their holder, however it ends: open file description locks (fcntl(2), F_OFD_SETLK).
 * Unlike flock(2) they can be asked for (F_OFD_GETLK) without taking them, so that looking never disturbs a holder.
 */
import { call, kernelError, tryCall } from "./libc.ts";

const O_RDONLY = 0;
const O_RDWR = 2;
const O_CREAT = 0o100;
const O_CLOEXEC = 0o2000000;
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_WRLCK = 1;
const F_UNLCK = 2;
const EAGAIN = 11;
const ENOENT = 2;

/** struct flock on 64-bit Linux: type, whence, start, length (0: to the end), pid (0 is required). */
function lockRequest(): Buffer {
  const request = Buffer.alloc(32);
  request.writeInt16LE(F_WRLCK, 0);
  return request;
}

export interface FileLock {
  /** The descriptor that holds it: a process that inherits it holds the lock too. */
  readonly fd: number;
  /** Idempotent. The file stays. */
  release(): void;
}

/** Takes the lock of a file, which is made (mode 0600) when missing; undefined when another process holds it. */
export function tryLock(path: string): FileLock | undefined {
  const fd = call("open", [path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600], path);
  const taken = tryCall("fcntl", [fd, F_OFD_SETLK, lockRequest()]);
  if (taken < 0) {
    call("close", [fd]);
    if (taken === -EAGAIN) return undefined;
    throw kernelError("fcntl", -taken, path);
  }
  let isHeld = true;
  return {
    fd,
    release: () => {
      if (isHeld) call("close", [fd]);
      isHeld = false;
    },
  };
}

/** Whether some process holds the lock; false when there is no such file. */
export function isLocked(path: string): boolean {
  const fd = tryCall("open", [path, O_RDONLY | O_CLOEXEC, 0]);
  if (fd === -ENOENT) return false;
  if (fd < 0) throw kernelError("open", -fd, path);
  try {
    const request = lockRequest();
    call("fcntl", [fd, F_OFD_GETLK, request], path);
    return request.readInt16LE(0) !== F_UNLCK;
  } finally {
    call("close", [fd]);
  }
}
