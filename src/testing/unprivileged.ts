/** The user that no file belongs to. */
const NOBODY = 65_534;

/** Calls as a user whom permissions concern; what the call leaves for later is done as the user of the test. */
export function unprivileged<T>(call: () => T): T {
  if (process.geteuid?.() !== 0) return call();
  process.seteuid?.(NOBODY);
  try {
    return call();
  } finally {
    process.seteuid?.(0);
  }
}
