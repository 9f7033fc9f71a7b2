/**
 * FelixConfiguration: `default` for the cluster, `node.<name>` for one node, any other name for the nodes of its
 * nodeSelector. The table lists every parameter of Calico 3.32 in the order of its API; what this agent makes of each is
 * said where it reads them.
 */
import * as v from "valibot";
import type { JsonObject } from "../../base/json.ts";
import { subdomainName } from "../names.ts";
import {
  addressInNetwork,
  duration,
  flag,
  integerFrom,
  interfaceName,
  ipAddress,
  listOf,
  listOrNone,
  object,
  oneOf,
  oneOfAnyCase,
  optional,
  port,
  regularExpression,
  selector,
  text,
  textLike,
  written,
} from "../schema/fields.ts";
import { type KindRow, listAt, nameCell, objectAt, type Report, textAt } from "./kind.ts";
import { portOrRange } from "./rules.ts";

const yes = optional(flag);
const word = optional(text);
const span = optional(duration);
const count = optional(integerFrom(0));
const anyPort = optional(port);
const realPort = optional(integerFrom(1, 65535));
const pattern = optional(regularExpression);
const device = optional(interfaceName);
const enabled = optional(oneOf(["Enabled", "Disabled"]));
const acceptReturn = optional(oneOfAnyCase(["Accept", "Return"]));
const dropReject = optional(oneOfAnyCase(["Drop", "Reject"]));
const logLevel = optional(oneOfAnyCase(["Trace", "Debug", "Info", "Warning", "Error", "Fatal"]));
const keyValues = optional(
  textLike(/^(\s*\w+=[^,]*,?)*$/, "must be a list of key=value, separated by commas", "write a=true,b=false"),
);
const hostPorts = optional(
  listOrNone(
    object({
      protocol: oneOfAnyCase(["TCP", "UDP", "SCTP"]),
      port,
      net: optional(written(addressInNetwork(), "")),
    }),
  ),
);
const tableRange = object({ min: integerFrom(1), max: integerFrom(1, 0xffffffff) });
const routePriority = optional(integerFrom(1, 2147483646));

const spec = object({
  useInternalDataplaneDriver: yes,
  dataplaneDriver: word,
  dataplaneWatchdogTimeout: span,
  ipv6Support: yes,
  routeRefreshInterval: span,
  interfaceRefreshInterval: span,
  iptablesRefreshInterval: span,
  iptablesPostWriteCheckInterval: span,
  iptablesLockFilePath: word,
  iptablesLockTimeout: span,
  iptablesLockProbeInterval: span,
  featureDetectOverride: keyValues,
  featureGates: keyValues,
  ipsetsRefreshInterval: span,
  maxIpsetSize: count,
  iptablesBackend: optional(oneOfAnyCase(["Auto", "Legacy", "NFT"])),
  xdpRefreshInterval: span,
  netlinkTimeout: span,
  metadataAddr: word,
  metadataPort: anyPort,
  openstackRegion: optional(textLike(/^[a-z0-9]([-a-z0-9]{0,44}[a-z0-9])?$/, "must be a valid DNS label")),
  interfacePrefix: word,
  interfaceExclude: word,
  chainInsertMode: optional(oneOfAnyCase(["Insert", "Append"])),
  defaultEndpointToHostAction: optional(oneOfAnyCase(["Drop", "Accept", "Return"])),
  iptablesFilterAllowAction: acceptReturn,
  iptablesMangleAllowAction: acceptReturn,
  iptablesFilterDenyAction: dropReject,
  logPrefix: word,
  logActionRateLimit: optional(
    textLike(/^[1-9]\d{0,3}\/(second|minute|hour|day)$/, "must be a rate such as 10/minute"),
  ),
  logActionRateLimitBurst: optional(integerFrom(0, 9999)),
  logFilePath: word,
  logSeverityFile: logLevel,
  logSeverityScreen: logLevel,
  logSeveritySys: logLevel,
  logDebugFilenameRegex: pattern,
  ipipEnabled: yes,
  ipipMTU: count,
  vxlanEnabled: yes,
  vxlanMTU: count,
  vxlanMTUV6: count,
  vxlanPort: realPort,
  vxlanVNI: optional(integerFrom(0, 0xffffff)),
  allowVXLANPacketsFromWorkloads: yes,
  allowIPIPPacketsFromWorkloads: yes,
  reportingInterval: span,
  reportingTTL: span,
  endpointReportingEnabled: yes,
  endpointReportingDelay: span,
  endpointStatusPathPrefix: word,
  iptablesMarkMask: optional(integerFrom(1, 0xffffffff)),
  disableConntrackInvalidCheck: yes,
  healthEnabled: yes,
  healthHost: word,
  healthPort: anyPort,
  healthTimeoutOverrides: optional(listOf(object({ name: text, timeout: duration }))),
  prometheusMetricsEnabled: yes,
  prometheusMetricsHost: optional(textLike(/^[a-zA-Z0-9:._+-]{1,64}$/, "must be a host name or an address")),
  prometheusMetricsPort: anyPort,
  prometheusMetricsCAFile: word,
  prometheusMetricsCertFile: word,
  prometheusMetricsKeyFile: word,
  prometheusMetricsClientAuth: optional(
    oneOf(["RequireAndVerifyClientCert", "RequireAnyClientCert", "VerifyClientCertIfGiven", "NoClientCert"]),
  ),
  prometheusGoMetricsEnabled: yes,
  prometheusProcessMetricsEnabled: yes,
  prometheusWireGuardMetricsEnabled: yes,
  failsafeInboundHostPorts: hostPorts,
  failsafeOutboundHostPorts: hostPorts,
  kubeNodePortRanges: optional(listOrNone(portOrRange)),
  policySyncPathPrefix: word,
  usageReportingEnabled: yes,
  usageReportingInitialDelay: span,
  usageReportingInterval: span,
  natPortRange: optional(portOrRange),
  natOutgoingAddress: optional(ipAddress(4)),
  natOutgoingExclusions: optional(oneOf(["IPPoolsOnly", "IPPoolsAndHostIPs"])),
  deviceRouteSourceAddress: optional(ipAddress(4)),
  deviceRouteSourceAddressIPv6: optional(ipAddress(6)),
  deviceRouteProtocol: optional(integerFrom(0, 255)),
  removeExternalRoutes: yes,
  ipForwarding: enabled,
  externalNodesList: optional(listOrNone(addressInNetwork(4))),
  debugMemoryProfilePath: word,
  debugDisableLogDropping: yes,
  debugSimulateCalcGraphHangAfter: span,
  debugSimulateDataplaneHangAfter: span,
  debugSimulateDataplaneApplyDelay: span,
  debugHost: word,
  debugPort: anyPort,
  iptablesNATOutgoingInterfaceFilter: optional(
    textLike(/^[a-zA-Z0-9:._+-]{1,15}$/, "must be an interface name or prefix of up to 15 characters"),
  ),
  sidecarAccelerationEnabled: yes,
  xdpEnabled: yes,
  genericXDPEnabled: yes,
  nftablesMode: optional(oneOf(["Auto", "Enabled", "Disabled"])),
  nftablesRefreshInterval: span,
  nftablesFilterAllowAction: acceptReturn,
  nftablesMangleAllowAction: acceptReturn,
  nftablesFilterDenyAction: dropReject,
  nftablesMarkMask: optional(integerFrom(1, 0xffffffff)),
  bpfEnabled: yes,
  bpfDisableUnprivileged: yes,
  bpfJITHardening: optional(oneOfAnyCase(["Auto", "Strict"])),
  bpfLogLevel: optional(written(oneOfAnyCase(["Off", "Info", "Debug"]), "")),
  bpfConntrackLogLevel: optional(oneOfAnyCase(["Off", "Debug"])),
  bpfConntrackMode: optional(oneOfAnyCase(["Auto", "Userspace", "BPFProgram"])),
  bpfLogFilters: optional(v.record(v.string(), text)),
  bpfCTLBLogFilter: word,
  bpfDataIfacePattern: pattern,
  bpfL3IfacePattern: pattern,
  bpfConnectTimeLoadBalancingEnabled: yes,
  bpfConnectTimeLoadBalancing: optional(oneOf(["TCP", "Enabled", "Disabled"])),
  bpfHostNetworkedNATWithoutCTLB: enabled,
  bpfExternalServiceMode: optional(oneOfAnyCase(["Tunnel", "DSR"])),
  bpfDSROptoutCIDRs: optional(listOrNone(addressInNetwork())),
  bpfExtToServiceConnmark: optional(integerFrom(0, 0xffffffff)),
  bpfKubeProxyIptablesCleanupEnabled: yes,
  bpfKubeProxyMinSyncPeriod: span,
  bpfKubeProxyHealthzPort: anyPort,
  bpfKubeProxyEndpointSlicesEnabled: yes,
  bpfPSNATPorts: optional(portOrRange),
  bpfMapSizeNATFrontend: count,
  bpfMapSizeNATBackend: count,
  bpfMapSizeNATAffinity: count,
  bpfMapSizeRoute: count,
  bpfMapSizeConntrack: count,
  bpfMapSizePerCpuConntrack: count,
  bpfMapSizeConntrackCleanupQueue: count,
  bpfMapSizeConntrackScaling: optional(oneOfAnyCase(["Disabled", "DoubleIfFull"])),
  bpfMapSizeIPSets: count,
  bpfMapSizeIfState: count,
  bpfHostConntrackBypass: yes,
  bpfEnforceRPF: optional(oneOfAnyCase(["Disabled", "Strict", "Loose"])),
  bpfPolicyDebugEnabled: yes,
  bpfForceTrackPacketsFromIfaces: optional(listOrNone(text)),
  bpfDisableGROForIfaces: pattern,
  bpfExcludeCIDRsFromNAT: optional(listOrNone(addressInNetwork())),
  bpfRedirectToPeer: optional(oneOfAnyCase(["Disabled", "Enabled", "L2Only"])),
  bpfAttachType: optional(oneOfAnyCase(["TC", "TCX"])),
  bpfExportBufferSizeMB: count,
  bpfProfiling: enabled,
  bpfConntrackTimeouts: optional(v.record(v.string(), text)),
  bpfOverlayHostSourceIP: optional(oneOf(["HostAddress", "TunnelAddress"])),
  bpfMaglevMaxEndpointsPerService: count,
  bpfMaglevMaxServices: count,
  routeSource: optional(oneOfAnyCase(["WorkloadIPs", "CalicoIPAM"])),
  routeTableRanges: optional(listOrNone(tableRange)),
  routeTableRange: optional(object({ min: integerFrom(1, 250), max: integerFrom(1, 250) })),
  routeSyncDisabled: yes,
  programClusterRoutes: enabled,
  ipv4NormalRoutePriority: routePriority,
  ipv4ElevatedRoutePriority: routePriority,
  ipv6NormalRoutePriority: routePriority,
  ipv6ElevatedRoutePriority: routePriority,
  liveMigrationRouteConvergenceTime: span,
  wireguardEnabled: yes,
  wireguardEnabledV6: yes,
  wireguardThreadingEnabled: yes,
  wireguardListeningPort: realPort,
  wireguardListeningPortV6: realPort,
  wireguardRoutingRulePriority: optional(integerFrom(1, 32765)),
  wireguardInterfaceName: device,
  wireguardInterfaceNameV6: device,
  wireguardMTU: count,
  wireguardMTUV6: count,
  wireguardHostEncryptionEnabled: yes,
  wireguardKeepAlive: span,
  awsSrcDstCheck: optional(oneOf(["DoNothing", "Enable", "Disable"])),
  serviceLoopPrevention: optional(oneOf(["Drop", "Reject", "Disabled"])),
  workloadSourceSpoofing: optional(oneOf(["Disabled", "Any"])),
  mtuIfacePattern: pattern,
  floatingIPs: enabled,
  windowsManageFirewallRules: enabled,
  goGCThreshold: optional(integerFrom(-1)),
  goMemoryLimitMB: optional(integerFrom(-1)),
  goMaxProcs: optional(integerFrom(-1)),
  requireMTUFile: yes,
  flowLogsFlushInterval: span,
  flowLogsCollectorDebugTrace: yes,
  flowLogsGoldmaneServer: word,
  flowLogsLocalReporter: enabled,
  flowLogsPolicyEvaluationMode: optional(oneOf(["None", "Continuous"])),
  istioAmbientMode: enabled,
  istioDSCPMark: optional(integerFrom(0, 63)),
  cgroupV2Path: word,
  nodeSelector: optional(selector),
});

const MAX_NODE_PORT_RANGES = 7;

function validate(configuration: JsonObject, report: Report): void {
  const given = objectAt(configuration, "spec");
  const name = textAt(configuration, "metadata", "name");
  const refuse = (field: string, reason: string) => report({ path: ["spec", field], value: given[field], reason });
  const ranges = listAt(given, "kubeNodePortRanges");
  if (ranges.length > MAX_NODE_PORT_RANGES)
    refuse("kubeNodePortRanges", `node port ranges list is too long (max ${MAX_NODE_PORT_RANGES})`);
  if (ranges.some((range) => typeof range === "string" && !/^\d+:\d+$/.test(range)))
    refuse("kubeNodePortRanges", "node port ranges should not contain named ports");
  if (given["routeTableRange"] !== undefined && given["routeTableRanges"] !== undefined)
    refuse("routeTableRange", "cannot be set when `RouteTableRanges` is also set");
  for (const range of [given["routeTableRange"], ...listAt(given, "routeTableRanges")]) {
    const { min, max } = (range ?? {}) as { min?: number; max?: number };
    if (Number(min) > Number(max)) refuse("routeTableRanges", "min value cannot be greater than max value");
  }
  const isFixed = name === "default" || name.startsWith("node.");
  if (isFixed && textAt(given, "nodeSelector") !== "")
    refuse("nodeSelector", "cannot be set on the objects 'default' and 'node.<name>'");
  if (isFixed || textAt(given, "nodeSelector") !== "") return;
  report({
    path: ["metadata", "name"],
    value: name,
    reason: "must be 'default' or 'node.<name>' unless spec.nodeSelector is set",
    remedy: "write 'default', or set nodeSelector",
  });
}

export const felixConfiguration: KindRow = {
  kind: "FelixConfiguration",
  aliases: ["felixconfigurations", "felixconfig", "felixconfigs"],
  name: subdomainName,
  spec,
  validate,
  columns: { NAME: nameCell },
  narrow: ["NAME"],
  wide: ["NAME"],
};
