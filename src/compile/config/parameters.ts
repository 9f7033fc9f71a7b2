/**
 * Every parameter that the agent acts on, once: from this table come the type of the configuration, the names in the
 * environment, in `felix.cfg` and in FelixConfiguration, the checks and the reference page. Names and defaults are
 * Felix's (3.32). What Felix knows and we do not act on yet is in `unacted.ts`.
 */
import type { Ipv4 } from "../../ip/address.ts";
import {
  boolean,
  duration,
  enabled,
  host,
  integer,
  ipv4,
  oneOf,
  optional,
  type Parser,
  pattern,
  port,
  timeouts,
} from "./parsers.ts";

export interface Parameter<T> {
  /** Felix's name: `FELIX_<NAME>` in the environment, a key of `felix.cfg`; case does not matter. */
  readonly name: string;
  /** The field of a FelixConfiguration's spec. */
  readonly field: string;
  readonly default: T;
  readonly parser: Parser<T>;
  /** One sentence. */
  readonly doc: string;
}

const parameter = <T>(
  name: string,
  field: string,
  row: { default: NoInfer<T>; parser: Parser<T>; doc: string },
): Parameter<T> => ({ name, field, ...row });

const MTU = integer(0, 65_535);
const DEFAULT_MTU_IFACE_PATTERN = "^((en|wl|ww|sl|ib)[Pcopsvx].*|(eth|wlan|wwan).*)";

export const parameters = {
  vxlanEnabled: parameter("VXLANEnabled", "vxlanEnabled", {
    default: undefined,
    parser: optional(boolean, "by the pools"),
    doc: "Whether IPv4 VXLAN is in use; unset, it is when a pool's vxlanMode asks for it.",
  }),
  vxlanVni: parameter("VXLANVNI", "vxlanVNI", {
    default: 4096,
    parser: integer(1, 16_777_215),
    doc: "The VXLAN network identifier of the tunnel device.",
  }),
  vxlanPort: parameter("VXLANPort", "vxlanPort", {
    default: 4789,
    parser: integer(1, 65_535),
    doc: "The UDP port of VXLAN.",
  }),
  vxlanMtu: parameter("VXLANMTU", "vxlanMTU", {
    default: 0,
    parser: MTU,
    doc: "MTU of vxlan.calico in octets; 0: the host's MTU less 50.",
  }),
  vxlanMtuV6: parameter("VXLANMTUV6", "vxlanMTUV6", {
    default: 0,
    parser: MTU,
    doc: "MTU of vxlan-v6.calico in octets; 0: the host's MTU less 70.",
  }),
  ipipEnabled: parameter("IpInIpEnabled", "ipipEnabled", {
    default: undefined,
    parser: optional(boolean, "by the pools"),
    doc: "Whether IP-in-IP is in use; unset, it is when a pool's ipipMode asks for it.",
  }),
  ipipMtu: parameter("IpInIpMtu", "ipipMTU", {
    default: 0,
    parser: MTU,
    doc: "MTU of tunl0 in octets; 0: the host's MTU less 20.",
  }),
  mtuIfacePattern: parameter("MTUIfacePattern", "mtuIfacePattern", {
    default: DEFAULT_MTU_IFACE_PATTERN,
    parser: pattern,
    doc: "The interfaces whose least MTU counts as the host's.",
  }),
  deviceRouteProtocol: parameter("DeviceRouteProtocol", "deviceRouteProtocol", {
    default: 3,
    parser: integer(0, 255),
    doc: "The protocol number of routes to pods of this node (3 is boot).",
  }),
  deviceRouteSourceAddress: parameter("DeviceRouteSourceAddress", "deviceRouteSourceAddress", {
    default: undefined as Ipv4 | undefined,
    parser: optional(ipv4, "left to the kernel"),
    doc: "The preferred source address on routes to pods of this node.",
  }),
  removeExternalRoutes: parameter("RemoveExternalRoutes", "removeExternalRoutes", {
    default: true,
    parser: boolean,
    doc: "Whether routes of others on workload interfaces are removed.",
  }),
  routeRefreshIntervalMs: parameter("RouteRefreshInterval", "routeRefreshInterval", {
    default: 90_000,
    parser: duration(),
    doc: "How often routes are read again from the kernel without a sign of change; 0 turns it off.",
  }),
  interfaceRefreshIntervalMs: parameter("InterfaceRefreshInterval", "interfaceRefreshInterval", {
    default: 90_000,
    parser: duration(),
    doc: "How often interfaces are read again from the kernel without a sign of change; 0 turns it off.",
  }),
  nftablesRefreshIntervalMs: parameter("NftablesRefreshInterval", "nftablesRefreshInterval", {
    default: 180_000,
    parser: duration(),
    doc: "How often nftables tables are read again from the kernel without a sign of change; 0 turns it off.",
  }),
  ipForwarding: parameter("IPForwarding", "ipForwarding", {
    default: true,
    parser: enabled,
    doc: "Whether the agent turns the host's IP forwarding on.",
  }),
  healthEnabled: parameter("HealthEnabled", "healthEnabled", {
    default: false,
    parser: boolean,
    doc: "Whether /liveness and /readiness are served over HTTP.",
  }),
  healthHost: parameter("HealthHost", "healthHost", {
    default: "localhost",
    parser: host,
    doc: "Where the health server listens.",
  }),
  healthPort: parameter("HealthPort", "healthPort", {
    default: 9099,
    parser: port,
    doc: "The TCP port of the health server.",
  }),
  healthTimeoutOverrides: parameter("HealthTimeoutOverrides", "healthTimeoutOverrides", {
    default: {},
    parser: timeouts,
    doc: "Timeouts of single health reporters in place of their own.",
  }),
  prometheusMetricsEnabled: parameter("PrometheusMetricsEnabled", "prometheusMetricsEnabled", {
    default: false,
    parser: boolean,
    doc: "Whether metrics are served over TCP; on the agent's socket they always are.",
  }),
  prometheusMetricsHost: parameter("PrometheusMetricsHost", "prometheusMetricsHost", {
    default: "",
    parser: host,
    doc: "Where the metrics server listens.",
  }),
  prometheusMetricsPort: parameter("PrometheusMetricsPort", "prometheusMetricsPort", {
    default: 9091,
    parser: port,
    doc: "The TCP port of the metrics server.",
  }),
  prometheusProcessMetricsEnabled: parameter("PrometheusProcessMetricsEnabled", "prometheusProcessMetricsEnabled", {
    default: true,
    parser: boolean,
    doc: "Whether metrics of the process (CPU, resident memory, its start) are among them.",
  }),
  prometheusGoMetricsEnabled: parameter("PrometheusGoMetricsEnabled", "prometheusGoMetricsEnabled", {
    default: true,
    parser: boolean,
    doc: "Whether metrics of the runtime are among them: Node.js's here, Go's in Felix.",
  }),
  logSeverityScreen: parameter("LogSeverityScreen", "logSeverityScreen", {
    default: "Info",
    parser: oneOf("Trace", "Debug", "Info", "Warning", "Error", "Fatal"),
    doc: "The least severe lines that are logged.",
  }),
} as const satisfies Record<string, Parameter<unknown>>;

export type ParameterKey = keyof typeof parameters;
type ValueOf<P> = P extends Parameter<infer T> ? T : never;

/** The effective configuration of one agent: immutable, compared by value, passed down. */
export type AgentConfig = { readonly [K in ParameterKey]: ValueOf<(typeof parameters)[K]> };

export const parameterKeys = Object.keys(parameters) as readonly ParameterKey[];
