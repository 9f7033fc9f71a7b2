/** What a changed session asks for: nothing, the tables to look again, or another connection. */
import { isDeepStrictEqual } from "node:util";
import type { SessionConfig } from "../bgp/config.ts";

/** Fields that a session can change while it is up. */
const soft: readonly (keyof SessionConfig)[] = [
  "passive",
  "connectRetrySeconds",
  "isReflectorClient",
  "clusterId",
  "nextHop",
  "allowedOwnAs",
  "maxPrefixes",
  "importFilter",
  "exportFilter",
];

export type Difference = "same" | "soft" | "reopen";

export function differenceOf(before: SessionConfig, after: SessionConfig): Difference {
  if (isDeepStrictEqual(before, after)) return "same";
  const fixed = (config: SessionConfig): SessionConfig => {
    const rest: Partial<Record<keyof SessionConfig, unknown>> = { ...config };
    for (const field of soft) delete rest[field];
    return rest as SessionConfig;
  };
  return isDeepStrictEqual(fixed(before), fixed(after)) ? "soft" : "reopen";
}
