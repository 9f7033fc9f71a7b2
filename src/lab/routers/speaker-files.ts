/**
 * What the speaker of a router is configured with, in its own language: accept all, tell all, learned routes into the
 * kernel. Next hops are as RFC 4271 section 5.1.3 has them.
 */
import { formatAddress } from "../../ip/address.ts";
import type { BgpRouter, RouterNeighbour, RouterSpeaker } from "../topology.ts";

/** A file by its name in the router's folder. */
export type SpeakerFiles = Readonly<Record<string, string>>;

/** Seconds: a lab is looked at, and a dead neighbour should be seen. */
const HOLD_SECONDS = 30;
const RETRY_SECONDS = 2;

export const speakerFiles = (router: BgpRouter): SpeakerFiles => files[router.speaker](router);

const files: Readonly<Record<RouterSpeaker, (router: BgpRouter) => SpeakerFiles>> = {
  ocicat: (router) => ({ "router.yaml": ocicatFile(router) }),
  bird: (router) => ({ "bird.conf": birdFile(router) }),
  // FRR's daemons read theirs as a user of their own, who sees nothing of the lab's folder but this one.
  frr: (router) => ({ "run/frr/zebra.conf": `hostname ${router.name}\n`, "run/frr/bgpd.conf": frrFile(router) }),
};

function ocicatFile({ as, routerId, neighbours }: BgpRouter): string {
  return [
    `as: ${as}`,
    `routerId: ${formatAddress(routerId)}`,
    `holdTime: ${HOLD_SECONDS}`,
    "kernel: true",
    neighbours.length === 0 ? "neighbours: []" : "neighbours:",
    ...neighbours.map(
      (one) => `  - { address: ${formatAddress(one.address)}, as: ${one.as}, connectRetry: ${RETRY_SECONDS} }`,
    ),
    "",
  ].join("\n");
}

function birdFile({ as, routerId, neighbours }: BgpRouter): string {
  const protocol = (one: RouterNeighbour): string => `
protocol bgp ${birdName(one)} {
  local as ${as};
  neighbor ${formatAddress(one.address)} as ${one.as};
  hold time ${HOLD_SECONDS};
  connect delay time 1;
  connect retry time ${RETRY_SECONDS};
  error wait time ${RETRY_SECONDS}, ${2 * RETRY_SECONDS};
  ipv4 { import all; export where source = RTS_BGP; };
}`;
  return `router id ${formatAddress(routerId)};
log stderr all;
protocol device { scan time 2; }
protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; }
${neighbours.map(protocol).join("\n")}
`;
}

/** `n10_60_1_11`. */
const birdName = ({ address }: RouterNeighbour): string => `n${formatAddress(address).replaceAll(".", "_")}`;

function frrFile({ name, as, routerId, neighbours }: BgpRouter): string {
  return [
    "frr defaults datacenter",
    `hostname ${name}`,
    `router bgp ${as}`,
    ` bgp router-id ${formatAddress(routerId)}`,
    " no bgp ebgp-requires-policy",
    ...neighbours.flatMap((one) => {
      const neighbour = ` neighbor ${formatAddress(one.address)}`;
      return [
        `${neighbour} remote-as ${one.as}`,
        `${neighbour} timers ${HOLD_SECONDS / 3} ${HOLD_SECONDS}`,
        `${neighbour} timers connect ${RETRY_SECONDS}`,
        // Else it depends on whether it knew of its own subnets when the session came up.
        `${neighbour} next-hop-self`,
      ];
    }),
    "exit",
    "",
  ].join("\n");
}
