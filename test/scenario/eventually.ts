/** Waiting for a condition instead of sleeping. */

/** Asks until the answer is accepted; fails with the last refusal when the deadline passes. */
export async function eventually<T>(ask: () => Promise<T> | T, deadlineMs = 20_000): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await ask();
    } catch (refusal) {
      if (performance.now() > end) throw refusal;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
