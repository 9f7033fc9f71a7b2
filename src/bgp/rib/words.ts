/** The reasons of the tables in words: each a clause about one route, without a full stop. */
import type { Term } from "../filter/types.ts";
import type { DecisionRule } from "./decision.ts";
import type { ExportRejection } from "./export.ts";
import type { ImportRejection } from "./import.ts";
import type { ExportReport, Fate } from "./why.ts";

const LOSS: Readonly<Record<DecisionRule, string>> = {
  elevated: "the priority of another route is elevated",
  localOrigin: "the prefix is our own",
  localPref: "another route has a higher LOCAL_PREF",
  asPathLength: "another route has a shorter AS_PATH",
  origin: "another route has a better ORIGIN",
  med: "another route from the same neighbouring AS has a lower MULTI_EXIT_DISC",
  externalPeer: "another route comes from an external peer",
  interiorCost: "another route's next hop is nearer",
  routerId: "another route's router id is lower",
  clusterListLength: "another route was reflected fewer times",
  peerAddress: "another route's peer has a lower address",
  sessionName: "another route's session is named first",
};

export function fateInWords(fate: Fate): string {
  switch (fate.fate) {
    case "best":
      return "best";
    case "multipath":
      return "used beside the best";
    case "worse":
      return LOSS[fate.rule];
    case "unreachable":
      return "there is no route to its next hop";
    case "rejected":
      return importRejectionInWords(fate.rejection);
  }
}

export function exportInWords(report: ExportReport): string {
  switch (report.outcome) {
    case "told":
      return "announced";
    case "rejected":
      return exportRejectionInWords(report.rejection);
    case "noRoute":
      return "there is no usable route to announce";
    case "notUp":
      return "the session is not established";
  }
}

function importRejectionInWords(rejection: ImportRejection): string {
  switch (rejection.rule) {
    case "ownAs":
      return `our own AS stands in its AS_PATH (times: ${rejection.times}, allowed: ${rejection.allowed})`;
    case "ownOriginatorId":
      return "its ORIGINATOR_ID is our router id: it was ours";
    case "ownClusterId":
      return "our cluster id stands in its CLUSTER_LIST: it was reflected by our cluster already";
    case "ownNextHop":
      return "its next hop is an address of this host";
    case "importFilter":
      return filterInWords("import", rejection.filter, rejection.term);
  }
}

function exportRejectionInWords(rejection: ExportRejection): string {
  switch (rejection.rule) {
    case "family":
      return `IPv${rejection.family} was not negotiated with the peer`;
    case "notReflected":
      return "it comes from an internal peer, and neither that one nor this is a reflector client";
    case "noAdvertise":
      return "it has the community NO_ADVERTISE";
    case "noExport":
      return "it has the community NO_EXPORT, and the peer is external";
    case "noExportSubconfed":
      return "it has the community NO_EXPORT_SUBCONFED, and the peer is external";
    case "exportFilter":
      return filterInWords("export", rejection.filter, rejection.term);
    case "noOwnNextHop":
      return `this session has no IPv${rejection.family} address of ours for a next hop`;
    case "splitHorizon":
      return "it comes from this peer";
    case "peersNextHop":
      return "its next hop is the peer itself";
  }
}

const filterInWords = (direction: "import" | "export", filter: string, term: Term | undefined): string =>
  term
    ? `${term.about} rejects it (${direction} filter ${filter})`
    : `no term of the ${direction} filter ${filter} accepts it`;
