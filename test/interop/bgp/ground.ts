/** Our speaker in one network namespace, another daemon in a second one, a veth pair between them. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { TcpBgpTransport } from "../../../src/adapter/bgp/tcp-transport.ts";
import { SystemClock, SystemWallClock } from "../../../src/adapter/clock.ts";
import { SystemRandom } from "../../../src/adapter/random.ts";
import type { SessionConfig, SpeakerConfig } from "../../../src/bgp/config.ts";
import type { AttributeSet } from "../../../src/bgp/message/types.ts";
import { ipv4Of, parseAddress } from "../../../src/ip/address.ts";
import { Speaker, type SpeakerDeps } from "../../../src/speaker/speaker.ts";
import type { SessionStatus } from "../../../src/speaker/types.ts";
import { sessionConfig } from "../../../src/testing/bgp-samples.ts";
import { namespaceFor, type TestNamespace } from "../../../src/testing/netns.ts";
import { SilentLog } from "../../../src/testing/silent-log.ts";
import { codeOf, textOf } from "../../../src/testing/speaker-world.ts";
import { eventually } from "../../scenario/eventually.ts";

export const OURS = { ipv4: "10.9.0.1", ipv6: "fd09::1" } as const;
export const THEIRS = { ipv4: "10.9.0.2", ipv6: "fd09::2" } as const;
/** Another speaker of ours, beside the first. */
export const THIRD = { ipv4: "10.9.0.3", ipv6: "fd09::3" } as const;
export const PORT = 179;

interface Self {
  readonly ipv4: string;
  readonly ipv6: string;
}

export interface Learned {
  readonly session: string;
  readonly attributes: AttributeSet;
}

/** Our side. */
export class OwnSpeaker {
  readonly log = new SilentLog();
  readonly best = new Map<string, Learned>();
  config: SpeakerConfig;
  speaker: Speaker;
  readonly #transport: TcpBgpTransport;
  readonly #self: Self;

  constructor(t: TestContext, namespace: TestNamespace, asn: number, self: Self = OURS) {
    this.#self = self;
    this.#transport = new TcpBgpTransport(namespace.net);
    this.config = {
      localAs: asn,
      routerId: ipv4Of(Number(parseAddress(self.ipv4))),
      listen: { port: PORT, addresses: [parseAddress(self.ipv4)] },
      sessions: new Map(),
      originated: new Map(),
    };
    this.speaker = this.start();
    t.after(() => {
      this.speaker.close("shutdown");
      this.#transport.close();
    });
  }

  start(deps: Partial<SpeakerDeps> = {}): Speaker {
    this.best.clear();
    this.speaker = new Speaker({
      transport: this.#transport,
      clock: new SystemClock(),
      wallClock: new SystemWallClock(),
      random: new SystemRandom(),
      log: this.log,
      surroundings: {
        costOf: () => 0,
        isOwnAddress: (address) =>
          address === parseAddress(this.#self.ipv4) || address === parseAddress(this.#self.ipv6),
        ownAddress: (family) => parseAddress(family === 4 ? this.#self.ipv4 : this.#self.ipv6),
      },
      maxPaths: 1,
      forwarding: [4, 6],
      ...deps,
    });
    this.speaker.onBest((changes) => {
      for (const { prefix, routes } of changes) {
        const [route] = routes;
        if (route) this.best.set(textOf(prefix), route);
        else this.best.delete(textOf(prefix));
      }
    });
    this.speaker.configure(this.config);
    return this.speaker;
  }

  configure(changes: Partial<SpeakerConfig>): void {
    this.config = { ...this.config, ...changes };
    this.speaker.configure(this.config);
  }

  /** The session to the other side, unless another name and peer are given. */
  peer(changes: Partial<SessionConfig> = {}): void {
    const session = sessionConfig({
      name: "peer",
      localAddress: parseAddress(this.#self.ipv4),
      peer: { address: parseAddress(THEIRS.ipv4), port: PORT, asn: this.config.localAs },
      localAs: this.config.localAs,
      holdTimeSeconds: 9,
      connectRetrySeconds: 1,
      ...changes,
    });
    this.configure({ sessions: new Map([...this.config.sessions, [session.name, session]]) });
  }

  originate(...prefixes: readonly string[]): void {
    this.configure({ originated: new Map(prefixes.map((prefix) => [codeOf(prefix), { about: prefix }])) });
  }

  get status(): SessionStatus {
    const [status] = this.speaker.status().sessions;
    assert.ok(status);
    return status;
  }

  /** The prefixes that are learned, sorted. */
  get learned(): string[] {
    return [...this.best.keys()].sort();
  }

  async established(): Promise<void> {
    await eventually(() => assert.equal(this.status.state, "established", JSON.stringify(said(this.status))));
  }

  async learns(...prefixes: readonly string[]): Promise<void> {
    await eventually(() => assert.deepEqual(this.learned, [...prefixes].sort()));
  }
}

const said = ({ sent, received, tcp }: SessionStatus) => ({ sent, received, tcp });

/** A third speaker, with a session to one of the others. */
export function thirdSpeaker(t: TestContext, { ours }: Ground, asn: number, to: string): OwnSpeaker {
  ours.ip(`address add ${THIRD.ipv4}/24 dev veth0`);
  ours.ip(`address add ${THIRD.ipv6}/64 dev veth0 nodad`);
  const third = new OwnSpeaker(t, ours, asn, THIRD);
  third.peer({ peer: { address: parseAddress(to), port: PORT, asn } });
  return third;
}

export interface Ground {
  readonly own: OwnSpeaker;
  readonly theirs: TestNamespace;
  readonly ours: TestNamespace;
  /** For configuration files and sockets of the daemon; gone after the test. */
  readonly folder: string;
}

export function groundFor(t: TestContext, asn: number): Ground {
  const ours = namespaceFor(t);
  const theirs = namespaceFor(t);
  ours.ip(`link add veth0 type veth peer name veth0 netns ${theirs.path}`);
  for (const [namespace, { ipv4, ipv6 }] of [
    [ours, OURS],
    [theirs, THEIRS],
  ] as const) {
    namespace.ip(`address add ${ipv4}/24 dev veth0`);
    namespace.ip(`address add ${ipv6}/64 dev veth0 nodad`);
    namespace.ip("link set veth0 up");
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-bgp-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return { own: new OwnSpeaker(t, ours, asn), ours, theirs, folder };
}

/** A daemon's process in a namespace; ended after the test, and at once by `kill`. */
export class DaemonProcess {
  readonly #child: ChildProcess;
  readonly gone: Promise<void>;
  output = "";

  constructor(t: TestContext, namespace: TestNamespace, command: string, args: readonly string[]) {
    this.#child = namespace.net.run(() => spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] }));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (octets: Buffer) => {
        this.output += octets.toString();
      });
    }
    this.gone = new Promise((resolve) => this.#child.once("close", () => resolve()));
    t.after(() => this.kill());
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.gone;
  }
}
