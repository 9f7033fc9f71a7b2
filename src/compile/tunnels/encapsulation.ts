/** Which encapsulations a pool makes a node ready for: those that it sends by, and those that others may send by. */
import type { Pool } from "../view.ts";

export type Encapsulation = "ipip" | "vxlan";

export const encapsulations: readonly Encapsulation[] = ["ipip", "vxlan"];

/** The modes of a pool, which say how a node sends. */
export type PoolModes = Pick<Pool, "ipipMode" | "vxlanMode">;

const fieldOf = { ipip: "ipipMode", vxlan: "vxlanMode" } as const;

/** Whether nodes send so for the pool, to some at least. */
export const sendsBy = (modes: PoolModes, by: Encapsulation): boolean => modes[fieldOf[by]] !== "Never";

/** Whether this node must take in what comes so. */
export const takesIn = (pool: PoolModes & Pick<Pool, "alsoTakesIn">, by: Encapsulation): boolean =>
  sendsBy(pool, by) || pool.alsoTakesIn?.includes(by) === true;
