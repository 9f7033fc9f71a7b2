/** Go's `time.Duration` as text: what `ParseDuration` takes, and what `String` prints. */

const nanosecondsByUnit: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const MAX_NANOSECONDS = (1n << 63n) - 1n;

/** The duration as Go prints it (`90s` → `1m30s`), or undefined for what Go would not parse. */
export function parseGoDuration(text: string): string | undefined {
  const nanoseconds = goNanoseconds(text);
  return nanoseconds === undefined ? undefined : formatGoDuration(nanoseconds);
}

/** Nanoseconds of a Go duration, or undefined. */
export function goNanoseconds(text: string): bigint | undefined {
  const [, sign = "", rest = ""] = /^([-+]?)(.*)$/s.exec(text) ?? [];
  if (rest === "0") return 0n;
  let total = 0n;
  let at = 0;
  const part = /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/y;
  while (at < rest.length) {
    part.lastIndex = at;
    const match = part.exec(rest);
    const [, whole = "", fraction = "", unit = ""] = match ?? [];
    const scale = nanosecondsByUnit[unit];
    if (!match || scale === undefined || whole + fraction === "") return undefined;
    total += BigInt(whole || "0") * scale + (BigInt(fraction || "0") * scale) / 10n ** BigInt(fraction.length);
    at = part.lastIndex;
  }
  if (at === 0 || total > MAX_NANOSECONDS) return undefined;
  return sign === "-" ? -total : total;
}

function formatGoDuration(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return "0s";
  const sign = nanoseconds < 0n ? "-" : "";
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  if (size < 1_000n) return `${sign}${size}ns`;
  if (size < 1_000_000n) return `${sign}${decimal(size, 1_000n)}µs`;
  if (size < 1_000_000_000n) return `${sign}${decimal(size, 1_000_000n)}ms`;
  const minute = 60_000_000_000n;
  const hours = size / (60n * minute);
  const minutes = (size / minute) % 60n;
  const seconds = `${decimal(size % minute, 1_000_000_000n)}s`;
  if (hours > 0n) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0n ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}

function decimal(amount: bigint, unit: bigint): string {
  const digits = String(unit).length - 1;
  const fraction = String(amount % unit)
    .padStart(digits, "0")
    .replace(/0+$/, "");
  return fraction === "" ? String(amount / unit) : `${amount / unit}.${fraction}`;
}
