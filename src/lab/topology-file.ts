/** Topologies as people write them: YAML, described in docs/guide/lab.md. Everything wrong is named with its line. */

import { formatAddress, type IpAddress, ipv4Of } from "../ip/address.ts";
import { contains, formatPrefix, type Prefix, parsePrefix } from "../ip/prefix.ts";
import { parseYaml } from "../resources/input/yaml.ts";
import { backends, usualCluster } from "./cluster.ts";
import { bgpRouterOf, linkOf } from "./routers/router-fields.ts";
import { startObjectsOf } from "./start-objects.ts";
import { OUTSIDE } from "./topologies/write.ts";
import type { ClusterSettings, ForeignBridge, PodSpec, Subnet, Topology, TopologyHost } from "./topology.ts";
import { OBJECT_NAME, OBJECT_NAME_HELP, podKey, routersOf } from "./topology.ts";
import { OUTSIDE_DEVICE } from "./underlay/names.ts";
import { NicTextError, readFilter } from "./underlay/nic-text.ts";
import { Problems, YamlFieldError, YamlFields } from "./yaml-fields.ts";

const DEVICE = /^[a-z0-9][a-z0-9._-]{0,14}$/i;
const DEVICE_HELP = "a device name of at most 15 letters, digits, '-', '_' and '.'";
const ENCAPSULATIONS = ["Never", "Always", "CrossSubnet"] as const;
/** An Ethernet wire's, in octets. */
const USUAL_MTU = 1500;
/** Stands for an address that is missing, which is a problem noted already. */
const ANYWHERE: IpAddress = ipv4Of(0);

/** Throws InputError for what is no YAML, YamlFieldError for a topology that cannot be built. */
export function readTopology(text: string, file: string): Topology {
  const [document, ...more] = parseYaml(text, file);
  if (!document || more.length > 0) {
    const problem = `${file}: a topology is one YAML document, found ${document ? more.length + 1 : "none"}`;
    throw new YamlFieldError("badFile", problem, { file, problems: [problem] });
  }
  const problems = new Problems(file, document);
  const fields = new YamlFields(problems, document.value);
  const topology = topologyOf(fields);
  const apply = startObjectsOf(fields, { file, document: document.number, lineOf: (path) => document.lineOf(path) });
  fields.end();
  problems.check();
  return { ...topology, apply };
}

function topologyOf(fields: YamlFields): Topology {
  const subnetFields = fields.list("subnets");
  const subnets = subnetFields.map(subnetOf);
  const hostFields = fields.list("hosts");
  const hosts = hostFields.map((one) => hostOf(one, subnets));
  const links = fields.list("links").map(linkOf);
  const routerFields = fields.list("routers");
  const bgpRouters = routerFields.map((one) => bgpRouterOf(one, routersOf({ subnets, links })));
  if (subnets.length === 0) fields.wrong("subnets", "at least one is needed");
  if (hosts.length === 0) fields.wrong("hosts", "at least one is needed");
  const podFields = fields.list("pods");
  const pods = podFields.map((one) => podOf(one, hosts));
  unique(
    subnetFields,
    "name",
    subnets.map(({ name }) => name),
  );
  unique(
    hostFields,
    "name",
    hosts.map(({ name }) => name),
  );
  unique(
    hostFields,
    "address",
    hosts.map(({ nic }) => formatAddress(nic.address)),
  );
  unique(
    routerFields,
    "name",
    bgpRouters.map(({ name }) => name),
  );
  unique(podFields, "name", pods.map(podKey));
  const outside = fields.addresses("outside");
  const storeHost = fields.text("store", "a host's name", hosts[0]?.name);
  if (!hosts.some(({ name }) => name === storeHost)) fields.wrong("store", `there is no host '${storeHost}'`);
  return {
    name: fields.text("name", OBJECT_NAME_HELP, undefined, OBJECT_NAME),
    summary: fields.text("summary", "one line", `${hosts.length} hosts in ${subnets.length} subnets`),
    subnets,
    bgpRouters,
    links,
    hosts,
    storeHost,
    cluster: clusterOf(fields.object("cluster"), subnets),
    pods,
    outside: outside.length > 0 ? outside : OUTSIDE,
  };
}

function subnetOf(fields: YamlFields): Subnet {
  const cidr = fields.prefix("cidr") ?? parsePrefix("192.0.2.0/24");
  const gateway = fields.address("gateway") ?? ANYWHERE;
  if (gateway !== ANYWHERE && !contains(cidr, gateway)) fields.wrong("gateway", `is not in ${formatPrefix(cidr)}`);
  const subnet = {
    name: fields.text("name", DEVICE_HELP, undefined, DEVICE),
    router: fields.text("router", OBJECT_NAME_HELP, "router", OBJECT_NAME),
    cidr,
    gateway,
  };
  if (subnet.name === OUTSIDE_DEVICE) fields.wrong("name", `'${OUTSIDE_DEVICE}' is the router's own device`);
  fields.end();
  return subnet;
}

function hostOf(fields: YamlFields, subnets: readonly Subnet[]): TopologyHost {
  const address = fields.address("address") ?? ANYWHERE;
  const subnetName = fields.text("subnet", "a subnet's name");
  const subnet = subnets.find(({ name }) => name === subnetName);
  if (!subnet) fields.wrong("subnet", `there is no subnet '${subnetName}'`);
  else if (address !== ANYWHERE && !contains(subnet.cidr, address)) {
    fields.wrong("address", `is not in ${subnetName}, ${formatPrefix(subnet.cidr)}`);
  } else if (address === subnet.gateway) fields.wrong("address", "is the gateway's");
  const nic = fields.object("nic");
  const host: TopologyHost = {
    name: fields.text("name", OBJECT_NAME_HELP, undefined, OBJECT_NAME),
    nic: {
      name: nic.text("name", DEVICE_HELP, "eth0", DEVICE),
      mtu: nic.integer("mtu", 576, 65_535, USUAL_MTU),
      address,
      subnet: subnetName,
    },
    policy: { sourceDestinationCheck: nic.flag("sourceDestinationCheck", true), drop: dropsOf(nic) },
    gatewayMetric: fields.integer("gatewayMetric", 0, 65_535, 0),
    gatewayRoute: fields.flag("gatewayRoute", false),
    bridges: fields.list("bridges").map(bridgeOf),
    env: fields.textMap("env"),
  };
  if (subnets.some(({ name }) => name === host.name)) fields.wrong("name", `'${host.name}' is a subnet's name`);
  nic.end();
  fields.end();
  return host;
}

function dropsOf(nic: YamlFields): TopologyHost["policy"]["drop"] {
  return nic.texts("drop").flatMap((text) => {
    try {
      return [readFilter(text)];
    } catch (failure) {
      if (!(failure instanceof NicTextError)) throw failure;
      nic.wrong("drop", failure.message);
      return [];
    }
  });
}

function bridgeOf(fields: YamlFields): ForeignBridge {
  const address = fields.interfaceAddress("address") ?? { address: ANYWHERE, length: 0 };
  const bridge = { name: fields.text("name", DEVICE_HELP, undefined, DEVICE), address };
  fields.end();
  return bridge;
}

function clusterOf(fields: YamlFields, subnets: readonly Subnet[]): ClusterSettings {
  const pool: Prefix = fields.prefix("pool", usualCluster.pool) ?? usualCluster.pool;
  const overlapped = subnets.find(({ cidr }) => contains(pool, cidr.address) || contains(cidr, pool.address));
  if (overlapped) fields.wrong("pool", `overlaps ${overlapped.name}, ${formatPrefix(overlapped.cidr)}`);
  const backend = fields.choice("backend", backends, usualCluster.backend);
  const isByVxlan = backend === "vxlan" && !fields.has("ipipMode");
  const vxlanMode = fields.choice("vxlanMode", ENCAPSULATIONS, isByVxlan ? "Always" : "Never");
  const isByBgp = backend !== "vxlan" && vxlanMode === "Never";
  const cluster: ClusterSettings = {
    pool,
    blockSize: fields.integer("blockSize", 20, 32, usualCluster.blockSize),
    backend,
    ipipMode: fields.choice("ipipMode", ENCAPSULATIONS, isByBgp ? usualCluster.ipipMode : "Never"),
    vxlanMode,
  };
  if (cluster.blockSize < pool.length) fields.wrong("blockSize", `is larger than the pool ${formatPrefix(pool)}`);
  if (cluster.ipipMode !== "Never" && cluster.vxlanMode !== "Never") {
    fields.wrong("ipipMode", "a pool has one encapsulation: set ipipMode or vxlanMode to Never");
  }
  fields.end();
  return cluster;
}

function podOf(fields: YamlFields, hosts: readonly TopologyHost[]): PodSpec {
  const host = fields.text("on", "a host's name");
  if (!hosts.some(({ name }) => name === host)) fields.wrong("on", `there is no host '${host}'`);
  const address = fields.has("address") ? fields.address("address") : undefined;
  const pod: PodSpec = {
    namespace: fields.text("namespace", OBJECT_NAME_HELP, "default", OBJECT_NAME),
    name: fields.text("name", OBJECT_NAME_HELP, undefined, OBJECT_NAME),
    host,
    labels: fields.textMap("labels"),
    ...(address === undefined ? {} : { address }),
    serve: fields.texts("serve").map(Number),
    probed: fields.flag("probed", true),
  };
  for (const port of pod.serve) {
    if (!(Number.isInteger(port) && port > 0 && port < 65_536)) fields.wrong("serve", `${port} is not a TCP port`);
  }
  fields.end();
  return pod;
}

/** Notes each item that repeats an earlier one. */
function unique(fields: readonly YamlFields[], name: string, values: readonly string[]): void {
  for (const [index, value] of values.entries()) {
    if (value !== "" && values.indexOf(value) < index) fields[index]?.wrong(name, `'${value}' is there twice`);
  }
}
