/** What the health server tells. */
export interface HealthSummary {
  readonly isLive: boolean;
  readonly isReady: boolean;
  /** A table of the reporters for people; empty when there are none. */
  readonly detail: string;
}
