/** Mounts of the calling thread's mount namespace. mount(2), umount2(2). All throw KernelError. */
import { call } from "./libc.ts";

const MS_NOSUID = 2;
const MS_NODEV = 4;
const MS_NOEXEC = 8;
const MS_BIND = 4096;
const MS_REC = 16384;
const MNT_DETACH = 2;

/** Everything below `source` appears at `target`, mounts in it included (an unprivileged namespace may not leave them out). */
export function bindMount(source: string, target: string): void {
  call("mount", [source, target, "", MS_BIND | MS_REC, null], `${target} from ${source}`);
}

export function tmpfsMount(target: string): void {
  call("mount", ["tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"], `a tmpfs at ${target}`);
}

/** The sysfs of the network namespace that the thread is in. */
export function sysfsMount(target: string): void {
  call("mount", ["sysfs", target, "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, null], `the sysfs at ${target}`);
}

/** Takes a mount, and what is mounted in it, out of the tree at once; it ends with its last user. */
export function detachMount(target: string): void {
  call("umount2", [target, MNT_DETACH], target);
}

export function setHostname(name: string): void {
  call("sethostname", [name, Buffer.byteLength(name)], name);
}
