/**
 * The daemons under test, all configured alike: one AS, reflector of all its peers, which dial it; every route accepted and told
 * on, with its next hop as it came; into the kernel's main table where that is measured.
 */
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Family } from "../../src/ip/address.ts";
import { DAEMON_ADDRESS, type Ground } from "./ground.ts";
import { LOCAL_AS } from "./load.ts";
import { HOLD_SECONDS } from "./peer.ts";
import { cpuMs, processTree, residentMb } from "./processes.ts";

export interface Settings {
  /** Addresses of its peers. */
  readonly peers: readonly string[];
  readonly kernel: boolean;
  /** Clients come one after the other to what is there already. */
  readonly joinLate: boolean;
  readonly family: Family;
}

export interface DaemonKind {
  readonly name: string;
  /** Its executable. */
  readonly program: string;
  readonly writesKernel: boolean;
  /** Writes its files, and says what to start, in order. */
  readonly commands: (ground: Ground, settings: Settings) => readonly Command[];
}

const END_MS = 5_000;

type Command = readonly [program: string, ...args: string[]];

function write(ground: Ground, name: string, lines: readonly string[]): string {
  const file = ground.file(name);
  fs.writeFileSync(file, `${lines.join("\n")}\n`);
  // OpenBGPD refuses a file that others may write, FRR reads as another user.
  fs.chmodSync(file, 0o644);
  return file;
}

const ocicat: DaemonKind = {
  name: "ocicat",
  program: path.join(import.meta.dirname, "../../bin/ocicat"),
  writesKernel: true,
  commands: (ground, { peers, kernel, family }) => [
    [
      ocicat.program,
      ...["bgp", "run", "--config"],
      write(ground, "router.yaml", [
        `as: ${LOCAL_AS}`,
        `routerId: ${DAEMON_ADDRESS}`,
        `kernel: ${kernel}`,
        `holdTime: ${HOLD_SECONDS}`,
        "neighbours:",
        ...peers.map(
          (address) =>
            `  - { address: ${address}, as: ${LOCAL_AS}, role: client, passive: true, families: [ipv${family}], nextHop: keep }`,
        ),
      ]),
    ],
  ],
};

const bird: DaemonKind = {
  name: "bird",
  program: "/usr/sbin/bird",
  writesKernel: true,
  commands: (ground, { peers, kernel, family }) => [
    [
      bird.program,
      ...["-f", "-s", ground.file("bird.ctl"), "-P", ground.file("bird.pid"), "-c"],
      write(ground, "bird.conf", [
        `router id ${DAEMON_ADDRESS};`,
        "protocol device {}",
        'protocol direct { ipv4; ipv6; interface "v0"; }',
        ...(kernel ? ["protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; }"] : []),
        "template bgp peers {",
        `  local ${DAEMON_ADDRESS} as ${LOCAL_AS}; passive on; rr client; hold time ${HOLD_SECONDS};`,
        `  ipv${family} { import all; export where source = RTS_BGP; };`,
        "}",
        ...peers.map((address, at) => `protocol bgp p${at} from peers { neighbor ${address} as ${LOCAL_AS}; }`),
      ]),
    ],
  ],
};

const frr: DaemonKind = {
  name: "frr",
  program: "/usr/lib/frr/bgpd",
  writesKernel: true,
  commands: (ground, { peers, kernel, joinLate, family }) => {
    const common = ["-P", "0", "--vty_socket", ground.folder, "-z", ground.file("zserv.api")];
    return [
      [
        "/usr/lib/frr/zebra",
        ...common,
        ...["-i", ground.file("zebra.pid"), "-f", write(ground, "zebra.conf", ["hostname zebra"])],
      ],
      [
        frr.program,
        ...common,
        ...(kernel ? [] : ["-n"]),
        ...["-i", ground.file("bgpd.pid"), "-f"],
        write(ground, "bgpd.conf", [
          "frr defaults datacenter",
          `router bgp ${LOCAL_AS}`,
          ` bgp router-id ${DAEMON_ADDRESS}`,
          " no bgp default ipv4-unicast",
          // Its default waits for seconds after a start; those who join late are told together by it.
          ...(joinLate ? [] : [" coalesce-time 10"]),
          " neighbor clients peer-group",
          ` neighbor clients remote-as ${LOCAL_AS}`,
          " neighbor clients passive",
          ` neighbor clients timers 1200 ${HOLD_SECONDS}`,
          " neighbor clients advertisement-interval 0",
          ...peers.map((address) => ` neighbor ${address} peer-group clients`),
          ` address-family ipv${family} unicast`,
          "  neighbor clients activate",
          "  neighbor clients route-reflector-client",
          " exit-address-family",
        ]),
      ],
    ];
  },
};

const openbgpd: DaemonKind = {
  name: "openbgpd",
  program: "/usr/sbin/bgpd",
  writesKernel: false,
  commands: (ground, { peers, family }) => {
    // Where its parts lock themselves in; else made when the system starts it.
    fs.mkdirSync("/run/openbgpd", { recursive: true });
    return [
      [
        openbgpd.program,
        "-df",
        write(ground, "openbgpd.conf", [
          `AS ${LOCAL_AS}`,
          `router-id ${DAEMON_ADDRESS}`,
          "fib-update no",
          `holdtime ${HOLD_SECONDS}`,
          `listen on ${DAEMON_ADDRESS}`,
          `socket "${ground.file("bgpd.sock")}"`,
          'group "clients" {',
          `  remote-as ${LOCAL_AS}`,
          `  local-address ${DAEMON_ADDRESS}`,
          "  passive",
          "  route-reflector",
          `  announce IPv4 ${family === 4 ? "unicast" : "none"}`,
          `  announce IPv6 ${family === 6 ? "unicast" : "none"}`,
          ...peers.map((address) => `  neighbor ${address}`),
          "}",
          "allow from any",
          "allow to any",
        ]),
      ],
    ];
  },
};

const gobgp: DaemonKind = {
  name: "gobgp",
  program: "/usr/bin/gobgpd",
  writesKernel: false,
  commands: (ground, { peers, family }) => [
    [
      gobgp.program,
      ...["--pprof-disable", "-l", "warn", "-f"],
      write(ground, "gobgpd.toml", [
        "[global.config]",
        `as = ${LOCAL_AS}`,
        `router-id = "${DAEMON_ADDRESS}"`,
        `local-address-list = ["${DAEMON_ADDRESS}"]`,
        ...peers.flatMap((address) => [
          "[[neighbors]]",
          `[neighbors.config]\nneighbor-address = "${address}"\npeer-as = ${LOCAL_AS}`,
          `[neighbors.transport.config]\npassive-mode = true`,
          `[neighbors.timers.config]\nhold-time = ${HOLD_SECONDS}\nkeepalive-interval = 1200`,
          `[neighbors.route-reflector.config]\nroute-reflector-client = true`,
          `route-reflector-cluster-id = "${DAEMON_ADDRESS}"`,
          `[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = "ipv${family}-unicast"`,
        ]),
      ]),
    ],
  ],
};

export const daemonKinds: readonly DaemonKind[] = [ocicat, bird, frr, openbgpd, gobgp];

export class RunningDaemon {
  readonly #children: readonly ChildProcess[];
  #error = "";

  constructor({ commands }: DaemonKind, ground: Ground, settings: Settings) {
    const probe = path.join(import.meta.dirname, "turns-probe.ts");
    this.#children = commands(ground, settings).map(([program, ...args]) => {
      const isOurs = program === ocicat.program;
      const child = ground.daemon.net.run(() =>
        spawn(program, args, {
          stdio: ["ignore", "ignore", "pipe", ...(isOurs ? (["ipc"] as const) : [])],
          env: { ...process.env, ...(isOurs ? { NODE_OPTIONS: `--import ${probe}` } : {}) },
        }),
      );
      child.stderr?.on("data", (text: Buffer) => {
        this.#error = `${this.#error}${text}`.slice(-2000);
      });
      return child;
    });
  }

  get pids(): number[] {
    return this.#children.flatMap(({ pid }) => (pid === undefined ? [] : processTree(pid)));
  }

  cpuMs(): number {
    return cpuMs(this.pids);
  }

  residentMb(): number {
    return residentMb(this.pids);
  }

  /** What it said last, for errors. */
  get error(): string {
    return this.#error;
  }

  /** Milliseconds of the longest turn since it was asked last; undefined: not ours. */
  async longestTurnMs(): Promise<number | undefined> {
    const child = this.#children.find(({ connected }) => connected);
    if (!child) return undefined;
    const answer = new Promise<number>((resolve) => child.once("message", (turn) => resolve(Number(turn))));
    child.send("turns");
    return answer;
  }

  /** Ours as a user ends it, so that the next one finds its code compiled (Node's compile cache), as after any use. */
  async stop(): Promise<void> {
    const ended = this.#children.map(
      (child) => new Promise((resolve) => (child.exitCode === null ? child.once("exit", resolve) : resolve(undefined))),
    );
    const ours = this.#children.find(({ connected }) => connected);
    ours?.kill("SIGTERM");
    if (ours) await Promise.race([Promise.all(ended), setTimeout(END_MS)]);
    for (const pid of this.pids) kill(pid);
    await Promise.all(ended);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== "ESRCH") throw failure;
  }
}
