/** Debian's BIRD 2. */
import fs from "node:fs";
import path from "node:path";
import { eventually } from "../../scenario/eventually.ts";
import type { Daemon, DaemonKind, DaemonSettings } from "./daemon.ts";
import { DaemonProcess, type Ground, OURS, THEIRS } from "./ground.ts";

const isIpv6 = (prefix: string): boolean => prefix.includes(":");

function configuration(settings: DaemonSettings): string {
  const { asn, ourAsn, password, gtsm, gracefulRestart, reflectsTo, largeCommunity, passive, announced } = settings;
  const community =
    largeCommunity === undefined ? "" : `bgp_large_community.add((${largeCommunity.replaceAll(":", ", ")}));`;
  const channel = (family: "ipv4" | "ipv6") => `
  ${family} {
    import all;
    export filter { if source != RTS_STATIC && source != RTS_BGP then reject; ${community} accept; };
    next hop self ebgp;
  };`;
  const statics = (family: "ipv4" | "ipv6") =>
    announced
      .filter((prefix) => isIpv6(prefix) === (family === "ipv6"))
      .map((prefix) => `  route ${prefix} blackhole;`)
      .join("\n");
  const protocol = (name: string, address: string) => `
protocol bgp ${name} {
  local ${THEIRS.ipv4} as ${asn};
  neighbor ${address} as ${ourAsn};
  hold time 9;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 2;
  ${passive ? "passive on;" : ""}
  ${password === undefined ? "" : `password "${password}";`}
  ${gtsm ? "ttl security on;" : ""}
  ${gracefulRestart ? "graceful restart on; graceful restart time 5;" : "graceful restart off;"}
  ${reflectsTo === undefined ? "" : "rr client;"}
${channel("ipv4")}
${channel("ipv6")}
}`;
  return `
router id ${THEIRS.ipv4};
log stderr all;
protocol device { scan time 1; }
protocol direct { ipv4; ipv6; interface "veth0"; }
protocol static s4 { ipv4;\n${statics("ipv4")}\n}
protocol static s6 { ipv6;\n${statics("ipv6")}\n}
${protocol("ocicat", OURS.ipv4)}
${reflectsTo === undefined ? "" : protocol("third", reflectsTo)}
`;
}

class Bird implements Daemon {
  readonly #ground: Ground;
  readonly #startProcess: (...args: readonly string[]) => DaemonProcess;
  #settings: DaemonSettings;
  #process: DaemonProcess | undefined;

  constructor(ground: Ground, settings: DaemonSettings, startProcess: (...args: readonly string[]) => DaemonProcess) {
    this.#ground = ground;
    this.#settings = settings;
    this.#startProcess = startProcess;
  }

  #file(name: string): string {
    return path.join(this.#ground.folder, name);
  }

  #birdc(...words: readonly string[]): string {
    return this.#ground.theirs.run("birdc", "-r", "-s", this.#file("bird.ctl"), ...words);
  }

  async start(): Promise<void> {
    fs.writeFileSync(this.#file("bird.conf"), configuration(this.#settings));
    const args = ["-f", "-c", this.#file("bird.conf"), "-s", this.#file("bird.ctl"), "-P", this.#file("bird.pid")];
    this.#process = this.#startProcess(...args, ...(this.#settings.gracefulRestart ? ["-R"] : []));
    await eventually(() => this.#birdc("show", "status"));
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  announce(...announced: readonly string[]): void {
    this.#settings = { ...this.#settings, announced };
    fs.writeFileSync(this.#file("bird.conf"), configuration(this.#settings));
    this.#ground.theirs.run("birdc", "-s", this.#file("bird.ctl"), "configure");
  }

  isUp(): boolean {
    return this.#birdc("show", "protocols", "ocicat").includes("Established");
  }

  learned(): readonly string[] {
    const table = this.#birdc("show", "route", "protocol", "ocicat");
    return [...table.matchAll(/^([0-9a-f.:]+\/\d+)\s/gm)].map(([, prefix]) => prefix ?? "").sort();
  }

  describe(prefix: string): string {
    return this.#birdc("show", "route", "for", prefix, "all");
  }

  askAgain(): void {
    this.#ground.theirs.run("birdc", "-s", this.#file("bird.ctl"), "reload", "in", "ocicat");
  }
}

export const bird: DaemonKind = {
  name: "bird",
  program: "/usr/sbin/bird",
  make: (t, ground, settings) =>
    new Bird(ground, settings, (...args) => new DaemonProcess(t, ground.theirs, "/usr/sbin/bird", args)),
};
