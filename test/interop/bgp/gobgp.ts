/** Debian's GoBGP: gobgpd, spoken to by gobgp. */
import fs from "node:fs";
import path from "node:path";
import { eventually } from "../../scenario/eventually.ts";
import type { Daemon, DaemonKind, DaemonSettings } from "./daemon.ts";
import { DaemonProcess, type Ground, OURS, THEIRS } from "./ground.ts";

const API_PORT = 50051;
const isIpv6 = (prefix: string): boolean => prefix.includes(":");
const familyOf = (prefix: string): "ipv4" | "ipv6" => (isIpv6(prefix) ? "ipv6" : "ipv4");
const families = ["ipv4", "ipv6"] as const;

function configuration({ asn, ourAsn, password, gtsm, gracefulRestart, reflectsTo, passive }: DaemonSettings): string {
  const afiSafi = (name: "ipv4" | "ipv6"): string[] => [
    "  [[neighbors.afi-safis]]",
    "    [neighbors.afi-safis.config]",
    `      afi-safi-name = "${name}-unicast"`,
    ...(gracefulRestart ? ["    [neighbors.afi-safis.mp-graceful-restart.config]", "      enabled = true"] : []),
  ];
  const neighbour = (address: string): string[] => [
    "[[neighbors]]",
    "  [neighbors.config]",
    `    neighbor-address = "${address}"`,
    `    peer-as = ${ourAsn}`,
    ...(password === undefined ? [] : [`    auth-password = "${password}"`]),
    "  [neighbors.transport.config]",
    `    local-address = "${THEIRS.ipv4}"`,
    ...(passive ? ["    passive-mode = true"] : []),
    "  [neighbors.timers.config]",
    "    connect-retry = 1",
    "    idle-hold-time-after-reset = 1",
    "    hold-time = 9",
    "    keepalive-interval = 3",
    ...(gtsm ? ["  [neighbors.ttl-security.config]", "    enabled = true", "    ttl-min = 255"] : []),
    ...(gracefulRestart
      ? [
          "  [neighbors.graceful-restart.config]",
          "    enabled = true",
          "    restart-time = 20",
          "    deferral-time = 5",
        ]
      : []),
    ...(reflectsTo !== undefined
      ? [
          "  [neighbors.route-reflector.config]",
          "    route-reflector-client = true",
          `    route-reflector-cluster-id = "${THEIRS.ipv4}"`,
        ]
      : []),
    ...families.flatMap(afiSafi),
  ];
  return [
    "[global.config]",
    `  as = ${asn}`,
    `  router-id = "${THEIRS.ipv4}"`,
    ...[OURS.ipv4, ...(reflectsTo === undefined ? [] : [reflectsTo])].flatMap(neighbour),
    "",
  ].join("\n");
}

class Gobgp implements Daemon {
  readonly #ground: Ground;
  readonly #settings: DaemonSettings;
  readonly #startProcess: (...args: readonly string[]) => DaemonProcess;
  #announced: readonly string[] = [];
  #process: DaemonProcess | undefined;

  constructor(ground: Ground, settings: DaemonSettings, startProcess: (...args: readonly string[]) => DaemonProcess) {
    this.#ground = ground;
    this.#settings = settings;
    this.#startProcess = startProcess;
  }

  #gobgp(...words: readonly string[]): string {
    return this.#ground.theirs.run("gobgp", "-p", `${API_PORT}`, ...words);
  }

  async start(): Promise<void> {
    const file = path.join(this.#ground.folder, "gobgpd.toml");
    fs.writeFileSync(file, configuration(this.#settings));
    const restart = this.#settings.gracefulRestart ? ["-r"] : [];
    this.#process = this.#startProcess(
      "-f",
      file,
      "--api-hosts",
      `127.0.0.1:${API_PORT}`,
      "--pprof-disable",
      ...restart,
    );
    await eventually(() => this.#gobgp("neighbor", OURS.ipv4));
    const announced = this.#announced.length > 0 ? this.#announced : this.#settings.announced;
    this.#announced = [];
    this.announce(...announced);
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  announce(...announced: readonly string[]): void {
    const { largeCommunity } = this.#settings;
    const community = largeCommunity === undefined ? [] : ["large-community", largeCommunity];
    for (const prefix of this.#announced) {
      if (!announced.includes(prefix)) this.#gobgp("global", "rib", "-a", familyOf(prefix), "del", prefix);
    }
    for (const prefix of announced) {
      if (this.#announced.includes(prefix)) continue;
      const hop = isIpv6(prefix) ? ["nexthop", THEIRS.ipv6] : [];
      this.#gobgp("global", "rib", "-a", familyOf(prefix), "add", prefix, ...hop, ...community);
    }
    this.#announced = announced;
  }

  isUp(): boolean {
    return this.#gobgp("neighbor", OURS.ipv4).includes("BGP state = ESTABLISHED");
  }

  learned(): readonly string[] {
    return families
      .flatMap((family) => {
        const table: unknown = JSON.parse(this.#gobgp("-j", "neighbor", OURS.ipv4, "adj-in", "-a", family));
        return Object.keys(table ?? {});
      })
      .sort();
  }

  describe(prefix: string): string {
    return this.#gobgp("global", "rib", "-a", familyOf(prefix), prefix);
  }
}

export const gobgp: DaemonKind = {
  name: "gobgp",
  program: "/usr/bin/gobgpd",
  make: (t, ground, settings) =>
    new Gobgp(ground, settings, (...args) => new DaemonProcess(t, ground.theirs, "gobgpd", args)),
};
