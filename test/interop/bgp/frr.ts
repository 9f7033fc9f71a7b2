/** Debian's FRR: bgpd alone, spoken to by vtysh. */
import fs from "node:fs";
import path from "node:path";
import { eventually } from "../../scenario/eventually.ts";
import type { Daemon, DaemonKind, DaemonSettings } from "./daemon.ts";
import { DaemonProcess, type Ground, OURS, THEIRS } from "./ground.ts";

const PROGRAM = "/usr/lib/frr/bgpd";
/** What vtysh was told stays out of the user's `~/.history_frr`. */
const NO_HISTORY = "VTYSH_HISTFILE=/dev/null";
const isIpv6 = (prefix: string): boolean => prefix.includes(":");
const familyOf = (prefix: string): string => (isIpv6(prefix) ? "ipv6" : "ipv4");

const network = (prefix: string, withMap: boolean): string =>
  `  network ${prefix}${withMap ? " route-map announced" : ""}`;

function configuration(settings: DaemonSettings): string {
  const { asn, ourAsn, password, gtsm, gracefulRestart, reflectsTo, largeCommunity, passive, announced } = settings;
  const neighbours = [OURS.ipv4, ...(reflectsTo === undefined ? [] : [reflectsTo])];
  const each = (words: string): string[] => neighbours.map((address) => ` neighbor ${address} ${words}`);
  const family = (name: "ipv4" | "ipv6"): string[] => [
    ` address-family ${name} unicast`,
    ...announced
      .filter((prefix) => familyOf(prefix) === name)
      .map((prefix) => network(prefix, largeCommunity !== undefined)),
    ...each("activate"),

    ...(name === "ipv6" ? each("route-map ipv6 out") : []),
    ...(reflectsTo !== undefined ? each("route-reflector-client") : []),
    " exit-address-family",
  ];
  return [
    "frr defaults datacenter",
    "hostname frr",
    `router bgp ${asn}`,
    ` bgp router-id ${THEIRS.ipv4}`,
    " no bgp ebgp-requires-policy",
    " no bgp network import-check",
    " no bgp default ipv4-unicast",
    ...(gracefulRestart
      ? [" bgp graceful-restart", " bgp graceful-restart restart-time 20", " bgp graceful-restart preserve-fw-state"]
      : [" bgp graceful-restart-disable"]),
    ...each(`remote-as ${ourAsn}`),
    ...each("timers 3 9"),
    ...each("timers connect 1"),
    ...each("advertisement-interval 0"),
    ...(password === undefined ? [] : each(`password ${password}`)),
    ...(gtsm ? each("ttl-security hops 1") : []),
    ...(passive ? each("passive") : []),
    ...family("ipv4"),
    ...family("ipv6"),
    "exit",
    "route-map ipv6 permit 10",
    ` set ipv6 next-hop global ${THEIRS.ipv6}`,
    "exit",
    "route-map announced permit 10",
    ...(largeCommunity === undefined ? [] : [` set large-community ${largeCommunity}`]),
    "exit",
    "",
  ].join("\n");
}

class Frr implements Daemon {
  readonly #ground: Ground;
  readonly #startProcess: (...args: readonly string[]) => DaemonProcess;
  readonly #settings: DaemonSettings;
  #announced: readonly string[];
  #process: DaemonProcess | undefined;

  constructor(ground: Ground, settings: DaemonSettings, startProcess: (...args: readonly string[]) => DaemonProcess) {
    this.#ground = ground;
    this.#settings = settings;
    this.#announced = settings.announced;
    this.#startProcess = startProcess;
  }

  #file(name: string): string {
    return path.join(this.#ground.folder, name);
  }

  #vtysh(...commands: readonly string[]): string {
    const words = commands.flatMap((command) => ["-c", command]);
    return this.#ground.theirs.run("env", NO_HISTORY, "vtysh", "--vty_socket", this.#ground.folder, ...words);
  }

  async start(): Promise<void> {
    fs.chmodSync(this.#ground.folder, 0o777);
    fs.writeFileSync(this.#file("bgpd.conf"), configuration({ ...this.#settings, announced: this.#announced }));
    this.#process = this.#startProcess(
      ...["-f", this.#file("bgpd.conf"), "-i", this.#file("bgpd.pid"), "--vty_socket", this.#ground.folder],
      ...["-Z", "-n", "-P", "0", "--log", "stdout", "-S", "-z", this.#file("zserv.api"), "-u", "root", "-g", "root"],
    );
    await eventually(() => this.#vtysh("show bgp summary json"));
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  announce(...announced: readonly string[]): void {
    const changes = (prefixes: readonly string[], kept: readonly string[], no: string): string[] =>
      prefixes
        .filter((prefix) => !kept.includes(prefix))
        .flatMap((prefix) => [
          `address-family ${familyOf(prefix)} unicast`,
          `${no}network ${prefix}`,
          "exit-address-family",
        ]);
    this.#vtysh(
      "configure terminal",
      `router bgp ${this.#settings.asn}`,
      ...changes(this.#announced, announced, "no "),
      ...changes(announced, this.#announced, ""),
    );
    this.#announced = announced;
  }

  isUp(): boolean {
    const neighbours = JSON.parse(this.#vtysh(`show bgp neighbors ${OURS.ipv4} json`));
    return neighbours[OURS.ipv4]?.bgpState === "Established";
  }

  learned(): readonly string[] {
    return (["ipv4", "ipv6"] as const)
      .flatMap((family) => {
        const table: { routes?: Record<string, readonly { peerId?: string }[]> } = JSON.parse(
          this.#vtysh(`show bgp ${family} unicast json`),
        );
        return Object.entries(table.routes ?? {});
      })
      .filter(([, paths]) => paths.some(({ peerId }) => peerId === OURS.ipv4))
      .map(([prefix]) => prefix)
      .sort();
  }

  describe(prefix: string): string {
    return this.#vtysh(`show bgp ${familyOf(prefix)} unicast ${prefix}`);
  }

  askAgain(): void {
    for (const family of ["ipv4", "ipv6"]) this.#vtysh(`clear bgp ${family} unicast ${OURS.ipv4} in`);
  }
}

export const frr: DaemonKind = {
  name: "frr",
  program: PROGRAM,
  make: (t, ground, settings) =>
    new Frr(ground, settings, (...args) => new DaemonProcess(t, ground.theirs, PROGRAM, args)),
};
