/**
 * The speaker's configuration as a `bird.conf` for BIRD 2, which then does what the speaker does: the same sessions, the same
 * routes told, learned routes in the kernel. One process for both families.
 *
 *     own4, own6 (static) ─┐                  ┌─▶ kernel4, kernel6
 *     sessions (import) ───┴─▶ master4/6 ─────┴─▶ sessions (export)
 *     direct4/6, aliens ───┘ (for next hops)
 *
 * Not the same: BIRD counts a limit of prefixes by family, and tells attributes in another order. Pure.
 */
import { type Family, formatAddress } from "../../ip/address.ts";
import { formatPrefix } from "../../ip/prefix.ts";
import { familyOfCode, prefixOfCode } from "../../ip/prefix-code.ts";
import type { SessionConfig, SpeakerConfig } from "../config.ts";
import type { Filter } from "../filter/types.ts";
import { type FilterUse, FROM_ATTRIBUTE, filterText, withinText } from "./filter-text.ts";
import { block, comment, quoted, symbol } from "./text.ts";
import type { KernelExport } from "./types.ts";

export interface BirdOptions {
  /** Left out: nothing goes into the kernel. */
  readonly kernel?: KernelExport;
  /** Interfaces whose subnets lead to no next hop, with `*` for any text. */
  readonly ignoredDevices?: readonly string[];
  /** Else a word stands in the place of each. */
  readonly withPasswords: boolean;
}

/** As Calico's template for BIRD, seconds: the first wait, and the rests after failures. */
const CONNECT_DELAY = 2;
const ERROR_WAIT = "5, 30";
const SCAN_SECONDS = 2;
/** As the speaker's. */
const MOST_PATHS = 16;
const families: readonly Family[] = [4, 6];
const TUNNEL_TABLE = "behind_tunnel";

/** Throws BirdTextError for what BIRD has no way to write. */
export function birdConf(config: SpeakerConfig, options: BirdOptions): string {
  const filters = new Filters();
  const sessions = [...config.sessions.values()].map((session) => sessionText(session, config, options, filters));
  const parts: readonly (readonly string[])[] = [
    [comment("Written by 'ocicat bgp render': BIRD 2 in the place of the speaker.")],
    [`router id ${formatAddress(config.routerId)};`, "log stderr all;", `attribute int ${FROM_ATTRIBUTE};`],
    block("protocol device", [`scan time ${SCAN_SECONDS};`]),
    block("protocol direct", ["ipv4;", "ipv6;", directInterfaces(options.ignoredDevices)]),
    ...families.map((family) => ownText(family, config)),
    ...families.map((family) => kernelText(family, options.kernel)),
    ...tunnelText(options.kernel),
    ...filters.texts(),
    ...sessions,
  ];
  return parts.map((lines) => `${lines.join("\n")}\n`).join("\n");
}

const directInterfaces = (ignored: readonly string[] = []): string =>
  `interface ${[...ignored.map((pattern) => `-${pattern}`), "*"].map((pattern) => quoted(pattern)).join(", ")};`;

function ownText(family: Family, { originated }: SpeakerConfig): readonly string[] {
  const own = [...originated].filter(([code]) => familyOfCode(code) === family);
  const routes = own.flatMap(([code, { device, about }]) => [
    comment(about),
    `route ${formatPrefix(prefixOfCode(code))} ${device === undefined ? "blackhole" : `via ${quoted(device)}`};`,
  ]);
  return block(`protocol static own${family}`, [`ipv${family};`, ...routes]);
}

function kernelText(family: Family, kernel: KernelExport | undefined): readonly string[] {
  const ranges = (kernel?.ranges ?? []).flatMap(({ prefix, verdict, about }) => {
    const asked = withinText(prefix, family);
    return asked === "false" ? [] : [comment(about), `if ${asked} then ${verdict};`];
  });
  const exported = kernel
    ? block(
        "export filter",
        ["if source = RTS_STATIC then accept;", "if source != RTS_BGP then reject;", ...ranges, "reject;"],
        "};",
      )
    : ["export none;"];
  return block(`protocol kernel kernel${family}`, [
    "learn;",
    "persist;",
    `scan time ${SCAN_SECONDS};`,
    "graceful restart;",
    `merge paths on limit ${MOST_PATHS};`,
    ...block(`ipv${family}`, ["import all;", ...exported], "};"),
  ]);
}

/** A route through the tunnel has the BGP next hop as its gateway: what says so is a route to each next hop, for BGP alone. */
function tunnelText(kernel: KernelExport | undefined): readonly (readonly string[])[] {
  if (!kernel?.tunnel) return [];
  const { device, nextHops } = kernel.tunnel;
  const routes = nextHops.map((hop) => {
    const address = formatAddress(hop);
    return `route ${address}/32 via ${address}%'${device}' onlink;`;
  });
  return [
    [`ipv4 table ${TUNNEL_TABLE};`],
    block("protocol static to_nodes", [`ipv4 { table ${TUNNEL_TABLE}; };`, ...routes]),
    // Next hops that no tunnel leads to are found as without one.
    block("protocol pipe other_next_hops", [
      "table master4;",
      `peer table ${TUNNEL_TABLE};`,
      "import none;",
      "export filter { if source = RTS_BGP || source = RTS_STATIC then reject; accept; };",
    ]),
  ];
}

function sessionText(
  session: SessionConfig,
  { listen }: SpeakerConfig,
  options: BirdOptions,
  filters: Filters,
): readonly string[] {
  const { name, peer, localAs, localAddress, families: spoken, maxPrefixes } = session;
  const address = localAddress === undefined ? "" : ` ${formatAddress(localAddress)}`;
  // Without it, BIRD listens on every address.
  const binds = listen?.addresses !== undefined && localAddress !== undefined;
  const port = listen === undefined || listen.port === 179 ? "" : ` port ${listen.port}`;
  const peerType = peer.asn === localAs ? "internal" : "external";
  const channels = spoken.flatMap((family) =>
    block(
      `ipv${family}`,
      [
        `import filter ${filters.nameOf(session.importFilter, { family, peerType, direction: "import" })};`,
        `export filter ${filters.nameOf(session.exportFilter, { family, peerType, direction: "export" })};`,
        ...(session.nextHop === "normal" ? [] : [`next hop ${session.nextHop};`]),
        ...(family === 4 && options.kernel?.tunnel ? [`igp table ${TUNNEL_TABLE};`] : []),
        ...(maxPrefixes === undefined ? [] : [`receive limit ${maxPrefixes} action restart;`]),
      ],
      "};",
    ),
  );
  return block(`protocol bgp ${symbol(name)}`, [
    `local${address}${port} as ${localAs};`,
    `neighbor ${formatAddress(peer.address)} port ${peer.port} as ${peer.asn};`,
    ...(binds ? ["strict bind;"] : []),
    ...protectionText(session, options),
    ...(session.passive ? ["passive on;"] : []),
    ...timersText(session),
    ...(session.isReflectorClient ? ["rr client;"] : []),
    ...(session.clusterId === undefined ? [] : [`rr cluster id ${formatAddress(session.clusterId)};`]),
    ...(session.allowedOwnAs > 0 ? [`allow local as ${session.allowedOwnAs};`] : []),
    ...channels,
  ]);
}

function protectionText(
  { name, password, ttlSecurityHops }: SessionConfig,
  { withPasswords }: BirdOptions,
): readonly string[] {
  const key = withPasswords ? password : "left-out";
  return [
    ttlSecurityHops === undefined ? "multihop;" : `multihop ${ttlSecurityHops};`,
    ...(ttlSecurityHops === undefined ? [] : ["ttl security on;"]),
    ...(password === undefined || key === undefined ? [] : [`password ${quoted(key, `the password of ${name}`)};`]),
  ];
}

function timersText(session: SessionConfig): readonly string[] {
  const { holdTimeSeconds, keepaliveSeconds, connectRetrySeconds, restartTimeSeconds } = session;
  return [
    `hold time ${holdTimeSeconds};`,
    ...(keepaliveSeconds === undefined ? [] : [`keepalive time ${keepaliveSeconds};`]),
    `connect delay time ${CONNECT_DELAY};`,
    `connect retry time ${connectRetrySeconds};`,
    `error wait time ${ERROR_WAIT};`,
    ...(restartTimeSeconds === undefined
      ? ["graceful restart off;"]
      : ["graceful restart on;", `graceful restart time ${restartTimeSeconds};`]),
  ];
}

/** Each filter once for each way in which sessions use it. */
class Filters {
  readonly #names = new Map<Filter, Map<string, { readonly name: string; readonly use: FilterUse }>>();
  #count = 0;

  nameOf(filter: Filter, use: FilterUse): string {
    const uses = this.#names.get(filter) ?? new Map<string, { readonly name: string; readonly use: FilterUse }>();
    this.#names.set(filter, uses);
    const key = `${use.direction} ${use.family} ${use.peerType}`;
    const known = uses.get(key);
    if (known) return known.name;
    const name = `${use.direction}_${++this.#count}`;
    uses.set(key, { name, use });
    return name;
  }

  texts(): readonly (readonly string[])[] {
    return [...this.#names].flatMap(([filter, uses]) =>
      Array.from(uses.values(), ({ name, use }) => [
        comment(`${filter.name}, IPv${use.family}, ${use.peerType} peers`),
        ...block(`filter ${name}`, filterText(filter, use)),
      ]),
    );
  }
}
