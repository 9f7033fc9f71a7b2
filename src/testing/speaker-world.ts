/** Speakers on hosts of a memory network, under a clock that stands until it is advanced. */
import type { SessionConfig, SpeakerConfig } from "../bgp/config.ts";
import type { BestChange } from "../bgp/rib/types.ts";
import { type Family, type Ipv4, parseAddress } from "../ip/address.ts";
import { formatPrefix, parsePrefix } from "../ip/prefix.ts";
import { type PrefixCode, prefixCode, prefixOfCode } from "../ip/prefix-code.ts";
import type { Random } from "../port/random.ts";
import { Speaker, type SpeakerDeps } from "../speaker/speaker.ts";
import type { SessionStatus } from "../speaker/types.ts";
import { sessionConfig } from "./bgp-samples.ts";
import { FakeClock } from "./fake-clock.ts";
import { MemoryBgpNetwork } from "./memory-bgp-transport.ts";
import { SilentLog } from "./silent-log.ts";

/** Chance that repeats itself. */
export class SteadyRandom implements Pick<Random, "fraction"> {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  fraction(): number {
    this.#state = (this.#state * 1103515245 + 12345) % 2 ** 31;
    return this.#state / 2 ** 31;
  }
}

export const codeOf = (text: string): PrefixCode => prefixCode(parsePrefix(text));
export const textOf = (code: PrefixCode): string => formatPrefix(prefixOfCode(code));

const STEP_MS = 50;
const PORT = 179;

export class SpeakerHost {
  readonly address: string;
  readonly routerId: Ipv4;
  readonly log = new SilentLog();
  readonly best = new Map<string, string>();
  config: SpeakerConfig;
  speaker: Speaker;
  readonly #world: SpeakerWorld;
  readonly #transport;

  constructor(world: SpeakerWorld, address: string, asn: number, deps: Partial<SpeakerDeps>) {
    this.#world = world;
    this.address = address;
    const own = parseAddress(address);
    if (typeof own !== "number") throw new Error("hosts are named by their IPv4 address");
    this.routerId = own;
    this.#transport = world.network.host(own);
    this.config = { localAs: asn, routerId: own, listen: { port: PORT }, sessions: new Map(), originated: new Map() };
    this.speaker = this.start(deps);
  }

  /** A process that begins, with the configuration of the one before. */
  start(deps: Partial<SpeakerDeps> = {}): Speaker {
    const { clock } = this.#world;
    this.best.clear();
    this.speaker = new Speaker({
      transport: this.#transport,
      clock,
      wallClock: clock.wall,
      random: new SteadyRandom(this.routerId),
      log: this.log,
      surroundings: {
        costOf: () => 0,
        isOwnAddress: (address) => address === this.routerId,
        ownAddress: (family: Family) => (family === 6 ? parseAddress(`fd00::${this.routerId & 255}`) : undefined),
      },
      maxPaths: 1,
      forwarding: [4, 6],
      ...deps,
    });
    this.speaker.onBest((changes) => this.#note(changes));
    this.speaker.configure(this.config);
    return this.speaker;
  }

  #note(changes: readonly BestChange[]): void {
    for (const { prefix, routes } of changes) {
      if (routes.length === 0) this.best.delete(textOf(prefix));
      else this.best.set(textOf(prefix), routes.map(({ session }) => session).join(" "));
    }
  }

  configure(changes: Partial<SpeakerConfig>): void {
    this.config = { ...this.config, ...changes };
    this.speaker.configure(this.config);
  }

  /** Adds or replaces a session to another host, called by its address unless it is named. */
  peer(other: SpeakerHost, changes: Partial<SessionConfig> = {}): void {
    const name = changes.name ?? other.address;
    const session = sessionConfig({
      name,
      peer: { address: other.routerId, port: PORT, asn: other.config.localAs },
      localAs: this.config.localAs,
      ...changes,
    });
    this.configure({ sessions: new Map([...this.config.sessions, [name, session]]) });
  }

  originate(...prefixes: readonly string[]): void {
    const own = prefixes.map((prefix) => [codeOf(prefix), { about: prefix }] as const);
    this.configure({ originated: new Map(own) });
  }

  status(name: string): SessionStatus {
    const found = this.speaker.status().sessions.find((session) => session.name === name);
    if (!found) throw new Error(`no session ${name} at ${this.address}`);
    return found;
  }

  isUp(name: string): boolean {
    return this.status(name).state === "established";
  }
}

const wordsOf = (host: string, { name, state, tcp, sent, received }: SessionStatus): string =>
  [host, name, state, tcp?.message, sent?.message, received?.message].join(" ");

export class SpeakerWorld {
  readonly clock: FakeClock;
  readonly network: MemoryBgpNetwork;
  readonly hosts: SpeakerHost[] = [];

  constructor(clock = new FakeClock()) {
    this.clock = clock;
    this.network = new MemoryBgpNetwork(clock);
  }

  host(address: string, asn = 64512, deps: Partial<SpeakerDeps> = {}): SpeakerHost {
    const host = new SpeakerHost(this, address, asn, deps);
    this.hosts.push(host);
    return host;
  }

  /** Lets time pass until it holds. */
  async until(what: string, holds: () => boolean, mostMs = 120_000): Promise<void> {
    for (let waited = 0; !holds(); waited += STEP_MS) {
      if (waited > mostMs) {
        const states = this.hosts.flatMap(({ address, speaker }) =>
          speaker.status().sessions.map((one) => wordsOf(address, one)),
        );
        throw new Error(`waited in vain for ${what}: ${states.join("; ")}`);
      }
      await this.clock.advance(STEP_MS);
    }
  }

  /** Two hosts with a session between them that is up. */
  async pair(changes: Partial<SessionConfig> = {}): Promise<[SpeakerHost, SpeakerHost]> {
    const [left, right] = [this.host("10.0.0.1"), this.host("10.0.0.2")];
    left.peer(right, changes);
    right.peer(left, changes);
    await this.until("the session", () => left.isUp("10.0.0.2") && right.isUp("10.0.0.1"));
    return [left, right];
  }

  close(): void {
    for (const { speaker } of this.hosts) speaker.close("shutdown");
  }
}
