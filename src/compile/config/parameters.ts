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
  interfacePrefixes,
  ipv4,
  oneOf,
  optional,
  type Parser,
  type PortRange,
  pattern,
  port,
  portRange,
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
  /** A change takes effect when the agent starts the next time, not at once. */
  readonly restart: boolean;
}

const parameter = <T>(
  name: string,
  field: string,
  row: { default: NoInfer<T>; parser: Parser<T>; doc: string; restart?: boolean },
): Parameter<T> => ({ name, field, restart: false, ...row });

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
  interfacePrefixes: parameter("InterfacePrefix", "interfacePrefix", {
    default: ["cali"],
    parser: interfacePrefixes,
    doc: "What names of workload interfaces begin with.",
    restart: true,
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
  natOutgoingExclusions: parameter("NATOutgoingExclusions", "natOutgoingExclusions", {
    default: "IPPoolsOnly",
    parser: oneOf("IPPoolsOnly", "IPPoolsAndHostIPs"),
    doc: "Which destinations a natOutgoing pool reaches without translation.",
  }),
  natPortRange: parameter("NATPortRange", "natPortRange", {
    default: undefined as PortRange | undefined,
    parser: optional(portRange, "left to the kernel"),
    doc: "The source ports of outgoing translated connections.",
  }),
  natOutgoingAddress: parameter("NATOutgoingAddress", "natOutgoingAddress", {
    default: undefined as Ipv4 | undefined,
    parser: optional(ipv4, "the outgoing interface's"),
    doc: "The source address of outgoing translated connections.",
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
    doc: "Whether metrics of the process itself (CPU, memory, garbage collection) are among them.",
    restart: true,
  }),
  logSeverityScreen: parameter("LogSeverityScreen", "logSeverityScreen", {
    default: "Info",
    parser: oneOf("Trace", "Debug", "Info", "Warning", "Error", "Fatal"),
    doc: "The least severe lines that are logged.",
  }),
  endpointReportingEnabled: parameter("EndpointReportingEnabled", "endpointReportingEnabled", {
    default: false,
    parser: boolean,
    doc: "Whether the state of each workload endpoint is written to the store.",
  }),
  endpointReportingDelayMs: parameter("EndpointReportingDelaySecs", "endpointReportingDelay", {
    default: 1_000,
    parser: duration(),
    doc: "How long changes of endpoints' state are gathered before they are written.",
  }),
  reportingIntervalMs: parameter("ReportingIntervalSecs", "reportingInterval", {
    default: 30_000,
    parser: duration(),
    doc: "How often the agent renews its own status in the store; 0 turns it off.",
  }),
  reportingTtlMs: parameter("ReportingTTLSecs", "reportingTTL", {
    default: 90_000,
    parser: duration(),
    doc: "When the agent's status in the store runs out without renewal.",
  }),
  netlinkTimeoutMs: parameter("NetlinkTimeoutSecs", "netlinkTimeout", {
    default: 10_000,
    parser: duration(1),
    doc: "How long the kernel may take to answer a request.",
    restart: true,
  }),
  dataplaneWatchdogTimeoutMs: parameter("DataplaneWatchdogTimeout", "dataplaneWatchdogTimeout", {
    default: 90_000,
    parser: duration(20_000),
    doc: "How long the dataplane's loop may be silent before it counts as not live.",
  }),
} as const satisfies Record<string, Parameter<unknown>>;

export type ParameterKey = keyof typeof parameters;
type ValueOf<P> = P extends Parameter<infer T> ? T : never;

/** The effective configuration of one agent: immutable, compared by value, passed down. */
export type AgentConfig = { readonly [K in ParameterKey]: ValueOf<(typeof parameters)[K]> };

export const parameterKeys = Object.keys(parameters) as readonly ParameterKey[];
