/** What a process of a lab owes its parent: to end with it, prctl(2); and its children: no descriptor that is not theirs. */
import fs from "node:fs";
import { call, kernelError, pollReadable, tryCall } from "./libc.ts";

const PR_SET_PDEATHSIG = 1;
const F_SETFD = 2;
const FD_CLOEXEC = 1;

/**
 * Ends this process with `signal` as soon as its parent ends, also when that has happened already. The kernel watches
 * the thread that forked, which in Node is the main one.
 */
export function dieWithParent(parentPid: number, signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): void {
  call("prctl", [PR_SET_PDEATHSIG, signal === "SIGKILL" ? 9 : 15, 0, 0, 0], "PR_SET_PDEATHSIG");
  if (process.ppid !== parentPid) process.kill(process.pid, signal);
}

/**
 * Keeps from children every descriptor but the standard ones. Those that Node opens are kept by Node; those that this
 * process was started with it passes on, save the lowest few.
 */
export function closeOnExec(): void {
  for (const fd of fs.readdirSync("/proc/self/fd").map(Number)) {
    // What has been closed since, as that of the listing itself, fails.
    if (fd > 2) tryCall("fcntlInt", [fd, F_SETFD, FD_CLOEXEC]);
  }
}

/** x86-64 and arm64 have the same number. */
const SYS_PIDFD_OPEN = 434;
const ESRCH = 3;

/** Calls `ended` when a process that is no child ends, or has ended already. The watch holds a descriptor until then. */
export function onProcessEnd(pid: number, ended: () => void): void {
  const fd = tryCall("syscall", [SYS_PIDFD_OPEN, pid, null, 0]);
  if (fd === -ESRCH) {
    ended();
    return;
  }
  if (fd < 0) throw kernelError("pidfd_open", -fd, `process ${pid}`);
  const poll = pollReadable(fd, () => {
    poll.close();
    call("close", [fd]);
    ended();
  });
}
