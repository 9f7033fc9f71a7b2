/** What `lab up` and the supervisor tell each other: `spec.json` one way, progress lines the other. */
import path from "node:path";
import type { Topology } from "../../lab/topology.ts";

export interface SupervisorSpec {
  readonly name: string;
  readonly folder: string;
  readonly topology: Topology;
  /** The process whose end is the lab's; absent for a detached lab. */
  readonly frontPid?: number;
  readonly storePort: number;
  /** ISO 8601. */
  readonly startedAt: string;
}

export type ProgressLine = { readonly step: string } | { readonly ready: true } | { readonly failed: string };

export const controlSocket = (folder: string): string => path.join(folder, "control.sock");
export const storeSocket = (folder: string): string => path.join(folder, "store.sock");
