/** Communities as people write them. */
import type { Community } from "./types.ts";

/** `aa:nn` (RFC 1997, 16 bits each) or `aa:nn:mm` (RFC 8092, 32 bits each); undefined for anything else. */
export function parseCommunity(text: string): Community | undefined {
  const parts = text.split(":");
  if (parts.some((part) => !/^\d{1,10}$/.test(part))) return undefined;
  const [global = 0, local1 = 0, local2 = 0] = parts.map(Number);
  const highest = Math.max(global, local1, local2);
  if (parts.length === 2 && highest < 2 ** 16) return global * 2 ** 16 + local1;
  return parts.length === 3 && highest < 2 ** 32 ? { global, local1, local2 } : undefined;
}
