/**
 * Which devices are pods': their prefix is the mark by which they are ours (Felix's `InterfacePrefix`). An endpoint that names
 * another device is nobody's reason to touch that one, whoever could write it.
 */

export const workloadPrefixes: readonly string[] = ["cali"];

/** Also what a name may be: it becomes a part of paths below /proc/sys. */
export const isWorkloadDevice = (name: string): boolean =>
  /^[a-zA-Z0-9_.-]{1,15}$/.test(name) && workloadPrefixes.some((prefix) => name.startsWith(prefix));
