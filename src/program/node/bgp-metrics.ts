/** What a scrape is told of BGP: summed over sessions, since a mesh has as many of them as the cluster has nodes. */
import type { State } from "../../bgp/session/types.ts";
import type { Metrics } from "../../port/metrics.ts";
import type { SpeakerStatus } from "../../speaker/types.ts";

const states: readonly State["name"][] = ["idle", "connect", "active", "openSent", "openConfirm", "established"];

type Totals = SpeakerStatus["totals"] & { readonly strangers: number };

/** `status`: undefined while no BGP is spoken. */
export function watchBgpMetrics(metrics: Metrics, status: () => SpeakerStatus | undefined): void {
  let before: Totals | undefined;
  metrics.onCollect(() => {
    const now = status();
    if (!now) return;
    setGauges(metrics, now);
    const totals = { ...now.totals, strangers: now.strangers.count };
    countSince(metrics, before, totals);
    before = totals;
  });
}

function setGauges(metrics: Metrics, { sessions }: SpeakerStatus): void {
  for (const state of states) {
    metrics.set("bgpSessions", sessions.filter((session) => session.state === state).length, { state });
  }
  const sum = (of: (session: (typeof sessions)[number]) => number): number =>
    sessions.reduce((total, session) => total + of(session), 0);
  metrics.set(
    "bgpPrefixes",
    sum(({ receivedPrefixes }) => receivedPrefixes),
    { kind: "received" },
  );
  metrics.set(
    "bgpPrefixes",
    sum(({ stalePrefixes }) => stalePrefixes),
    { kind: "stale" },
  );
  metrics.set(
    "bgpPrefixes",
    sum(({ toldPrefixes }) => toldPrefixes),
    { kind: "told" },
  );
}

function countSince(metrics: Metrics, before: Totals | undefined, now: Totals): void {
  const grown = (key: keyof Totals): number => now[key] - (before?.[key] ?? 0);
  metrics.count("bgpMessages", grown("messagesReceived"), { direction: "received" });
  metrics.count("bgpMessages", grown("messagesSent"), { direction: "sent" });
  metrics.count("bgpUpdates", grown("updatesReceived"), { direction: "received" });
  metrics.count("bgpUpdates", grown("updatesSent"), { direction: "sent" });
  metrics.count("bgpFlaps", grown("flaps"));
  metrics.count("bgpMalformed", grown("malformedAttributes"));
  metrics.count("bgpUnsendable", grown("unsendable"));
  metrics.count("bgpStrangers", grown("strangers"));
}
