/**
 * `lab check`: every pod asks every other by ICMP, TCP and UDP, small and at the MTU with DF, while all wires of the
 * underlay are watched; what was captured proves the encapsulation, and for a failing probe tells where it got lost.
 */
import type { Ipv4 } from "../../ip/address.ts";
import { formatAddress } from "../../ip/address.ts";
import type { ForeignBaseChain } from "../../netlink/nftables/foreign-chain.ts";
import type { Clock } from "../../port/clock.ts";
import { ECHO_PORT } from "../../port/echo-services.ts";
import type { PacketTaps } from "../../port/packet-tap.ts";
import type { ProbeOutcome, ProbeProtocol, Prober } from "../../port/prober.ts";
import type { Lab } from "../lab.ts";
import type { LabHost } from "../lab-host.ts";
import type { Pod } from "../pods/lab-pods.ts";
import { subnetOf } from "../topology.ts";
import { withRtnetlinkWhile } from "../underlay/apply.ts";
import { type End, explain } from "./explain.ts";
import { readForwardDrops } from "./host-drops.ts";
import { describeRoute, type RouteView, readRoutes } from "./host-route.ts";
import type { CheckedPod, CheckReport, PairReport, PathKind, ProbeReport, ProbeSize } from "./report.ts";
import { probeKey, type Sighting } from "./sighting.ts";
import { type Sightings, WireWatch } from "./watch.ts";

export interface CheckDeps {
  readonly prober: Prober;
  readonly taps: PacketTaps;
  readonly clock: Clock;
}

export interface CheckOptions {
  /** How long a probe waits for its answer, in milliseconds. */
  readonly timeoutMs: number;
  /** Keys of the pods to check; all that are meant to be probed when left out. */
  readonly pods?: readonly string[];
}

const PROTOCOLS: readonly ProbeProtocol[] = ["icmp", "tcp", "udp"];
const SIZES: readonly ProbeSize[] = ["small", "mtu"];
const NUMBERS = { icmp: 1, tcp: 6, udp: 17 } as const;
/** As `ping` sends it: 56 octets of data. */
const SMALL_OCTETS = 84;
/** Pairs that are asked at the same time; each has six sockets. */
const PAIRS_AT_ONCE = 24;

export async function runCheck(lab: Lab, options: CheckOptions, deps: CheckDeps): Promise<CheckReport> {
  const start = deps.clock.now();
  const pods = podsToCheck(lab, options);
  const watch = new WireWatch(lab.underlay, deps.taps, ECHO_PORT);
  const check = new Check(lab, options, deps, watch);
  try {
    const wanted = pods.flatMap((from) => pods.filter((to) => to !== from).map((to) => ({ from, to })));
    const pairs: PairReport[] = [];
    for (let at = 0; at < wanted.length; at += PAIRS_AT_ONCE) {
      const some = wanted.slice(at, at + PAIRS_AT_ONCE);
      pairs.push(...(await Promise.all(some.map(({ from, to }) => check.pair(from, to)))));
    }
    const measured: PairReport[] = [];
    for (const [index, pair] of pairs.entries()) {
      const between = wanted[index];
      measured.push(between && pair.ok ? await check.withRoundTrip(pair, between.from, between.to) : pair);
    }
    return {
      topology: lab.topology.name,
      pods: pods.map(checkedPod),
      pairs: measured,
      ok: pairs.every(({ ok }) => ok),
      tookMs: deps.clock.now() - start,
    };
  } finally {
    watch.close();
  }
}

/** Throws PodError for a key that no pod has. */
function podsToCheck({ pods }: Lab, { pods: keys }: CheckOptions): readonly Pod[] {
  const wanted = keys ? new Set(keys.map((key) => pods.get(key))) : undefined;
  return pods.list().filter((pod) => addressOf(pod) !== undefined && (wanted ? wanted.has(pod) : pod.spec.probed));
}

const addressOf = (pod: Pod): Ipv4 | undefined =>
  pod.addresses.find((address): address is Ipv4 => typeof address === "number");

const checkedPod = (pod: Pod): CheckedPod => ({
  key: pod.key,
  host: pod.host.name,
  address: formatAddress(mustAddress(pod)),
  mtu: pod.mtu,
});

function mustAddress(pod: Pod): Ipv4 {
  const address = addressOf(pod);
  if (address === undefined) throw new Error(`pod '${pod.key}' has no IPv4 address`);
  return address;
}

interface Asked {
  readonly report: ProbeReport;
  readonly seen: Sightings;
}

/** What a host's own kernel and its gateway's do with packets, as far as a reason needs it. */
interface HostView {
  readonly routes: RouteView;
  /** Of the router that its subnet hangs on. */
  readonly gatewayRoutes: RouteView;
  readonly forwardDrops: readonly ForeignBaseChain[];
}

class Check {
  readonly #lab: Lab;
  readonly #options: CheckOptions;
  readonly #deps: CheckDeps;
  readonly #watch: WireWatch;
  /** Read once for each host that something failed at. */
  readonly #hosts = new Map<string, Promise<HostView>>();

  constructor(lab: Lab, options: CheckOptions, deps: CheckDeps, watch: WireWatch) {
    this.#lab = lab;
    this.#options = options;
    this.#deps = deps;
    this.#watch = watch;
  }

  async pair(from: Pod, to: Pod): Promise<PairReport> {
    const asked = await Promise.all(
      PROTOCOLS.flatMap((protocol) => SIZES.map((size) => this.#ask(from, to, protocol, size))),
    );
    const probes = asked.map(({ report }) => report);
    const seen = asked.map((one) => one.seen);
    const proof = seen.flatMap(({ there }) => there)[0]?.line;
    const reasons = [...new Set(probes.flatMap(({ reason }) => reason ?? []))];
    return {
      from: from.key,
      to: to.key,
      ok: probes.every(({ ok }) => ok),
      probes,
      path: pathKind(
        from,
        to,
        seen.flatMap(({ there }) => there),
      ),
      back: pathKind(
        from,
        to,
        seen.flatMap(({ back }) => back),
      ),
      ...(proof === undefined ? {} : { proof }),
      reasons,
    };
  }

  /** One echo while nothing else is asked: what many at once take says little about the way. */
  async withRoundTrip(pair: PairReport, from: Pod, to: Pod): Promise<PairReport> {
    const { timeoutMs } = this.#options;
    const probe = { protocol: "icmp", to: mustAddress(to), port: ECHO_PORT, packetOctets: SMALL_OCTETS } as const;
    const outcome = await this.#deps.prober.probe(from.place.net, { ...probe, timeoutMs });
    return outcome.ok ? { ...pair, roundTripMs: outcome.roundTripMs } : pair;
  }

  async #ask(from: Pod, to: Pod, protocol: ProbeProtocol, size: ProbeSize): Promise<Asked> {
    const octets = size === "small" ? SMALL_OCTETS : Math.min(from.mtu, to.mtu);
    const address = mustAddress(to);
    const outcome = await this.#deps.prober.probe(from.place.net, {
      protocol,
      to: address,
      port: ECHO_PORT,
      packetOctets: octets,
      timeoutMs: this.#options.timeoutMs,
    });
    const seen = this.#watch.take(probeKey(mustAddress(from), address, NUMBERS[protocol], outcome.ident));
    if (outcome.ok) return { report: { protocol, size, octets, ok: true }, seen };
    const reason = await this.#explain(from, to, octets, outcome, seen);
    return { report: { protocol, size, octets, ok: false, reason }, seen };
  }

  async #explain(
    from: Pod,
    to: Pod,
    octets: number,
    outcome: Extract<ProbeOutcome, { ok: false }>,
    seen: Sightings,
  ): Promise<string> {
    const [fromEnd, toEnd] = await Promise.all([this.#end(from), this.#end(to)]);
    return explain({ topology: this.#lab.topology, from: fromEnd, to: toEnd, octets, outcome, ...seen });
  }

  async #end(pod: Pod): Promise<End> {
    const { nics, underlay } = this.#lab;
    const { name, spec } = pod.host;
    const { routes, gatewayRoutes, forwardDrops } = await this.#hostOf(pod);
    const nic = nics.list().find(({ host }) => host === name);
    const port = underlay.ports.get(name);
    if (!nic || !port) throw new Error(`host '${name}' is not plugged in`);
    return {
      pod: pod.key,
      address: mustAddress(pod),
      host: spec,
      filter: nics.filter(name),
      nic,
      port,
      gatewayRouteTo: (address) => describeRoute(gatewayRoutes, address),
      routeTo: (address) => describeRoute(routes, address),
      forwardDrops,
    };
  }

  #hostOf({ host }: Pod): Promise<HostView> {
    let view = this.#hosts.get(host.name);
    if (!view) {
      view = this.#read(host);
      this.#hosts.set(host.name, view);
    }
    return view;
  }

  async #read({ place, spec }: LabHost): Promise<HostView> {
    const { clock } = this.#deps;
    const { router } = subnetOf(this.#lab.topology, spec.nic);
    const routes = await withRtnetlinkWhile(place.net, clock, readRoutes);
    const gatewayRoutes = await withRtnetlinkWhile(this.#lab.router(router).place.net, clock, readRoutes);
    return { routes, gatewayRoutes, forwardDrops: await readForwardDrops(place.net, clock) };
  }
}

/** How the packets of one way travelled, by what was captured; only pods of one host need no wire. */
function pathKind(from: Pod, to: Pod, sightings: readonly Sighting[]): PathKind {
  const kinds = new Set(sightings.map(({ encapsulation }) => encapsulation));
  const [only] = kinds;
  if (only === undefined) return from.host === to.host ? "local" : "none";
  return kinds.size === 1 ? only : "mixed";
}
