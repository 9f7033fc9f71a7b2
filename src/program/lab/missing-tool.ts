/** Commands run in a lab are this machine's own: which one it lacks, and what brings it. */
import fs from "node:fs";
import path from "node:path";

/** Debian's package, of the tools that the documentation types. */
const packages: Readonly<Record<string, string>> = {
  arp: "net-tools",
  arping: "iputils-arping",
  bridge: "iproute2",
  conntrack: "conntrack",
  curl: "curl",
  etcdctl: "etcd-client",
  ethtool: "ethtool",
  ifconfig: "net-tools",
  ip: "iproute2",
  iperf3: "iperf3",
  iptables: "iptables",
  netstat: "net-tools",
  nft: "nftables",
  ping: "iputils-ping",
  route: "net-tools",
  ss: "iproute2",
  tc: "iproute2",
  tcpdump: "tcpdump",
  tracepath: "iputils-tracepath",
  traceroute: "traceroute",
};

/** A line about a command that no folder of the search path has; undefined where one has it, and for paths. */
export function missingTool(command: string, searchPath: string): string | undefined {
  if (command.includes("/") || searchPath.split(":").some((folder) => isExecutable(path.join(folder, command)))) {
    return undefined;
  }
  const debian = Object.hasOwn(packages, command) ? ` (Debian: apt-get install ${packages[command]})` : "";
  return `this machine, whose tools a lab uses, has no '${command}'${debian}`;
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
