/** Where the speaker listens, and the keys that each listener demands of which peer. One that cannot listen tries again. */
import type { SessionConfig, SpeakerConfig } from "../bgp/config.ts";
import { type Family, familyOf, formatAddress, type IpAddress } from "../ip/address.ts";
import type { BgpListener, BgpStream, BgpTransport } from "../port/bgp-transport.ts";
import type { Clock, Millis, Timer } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import { KernelError } from "../port/netlink.ts";
import type { ListenerStatus } from "./types.ts";

const RETRY_MS: Millis = 5_000;

interface Place {
  readonly family: Family;
  readonly address?: IpAddress;
  readonly port: number;
}

interface Listening {
  readonly place: Place;
  listener: BgpListener | undefined;
  failure: string | undefined;
  readonly keys: Map<IpAddress, string>;
}

export class Listeners {
  readonly #transport: BgpTransport;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #incoming: (stream: BgpStream) => void;
  readonly #listening = new Map<string, Listening>();
  #keys: ReadonlyMap<IpAddress, string> = new Map();
  #retry: Timer | undefined;

  constructor(deps: { transport: BgpTransport; clock: Clock; log: Log }, incoming: (stream: BgpStream) => void) {
    this.#transport = deps.transport;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#incoming = incoming;
  }

  configure(listen: SpeakerConfig["listen"], sessions: Iterable<SessionConfig>): void {
    const all = [...sessions];
    this.#keys = new Map(
      all.flatMap(({ peer, password }) => (password === undefined ? [] : [[peer.address, password]])),
    );
    const places = new Map(placesOf(listen, all).map((place) => [nameOf(place), place]));
    for (const [name, { listener }] of this.#listening) {
      if (places.has(name)) continue;
      listener?.close();
      this.#listening.delete(name);
    }
    for (const [name, place] of places) {
      if (this.#listening.has(name)) continue;
      this.#listening.set(name, { place, listener: undefined, failure: undefined, keys: new Map() });
    }
    this.#apply();
  }

  get status(): readonly ListenerStatus[] {
    return [...this.#listening.values()].map(({ place, listener, failure }) => ({
      ...place,
      port: listener?.port ?? place.port,
      ...(failure === undefined ? {} : { failure }),
    }));
  }

  close(): void {
    this.#retry?.cancel();
    for (const { listener } of this.#listening.values()) listener?.close();
    this.#listening.clear();
  }

  #apply(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    for (const [name, listening] of this.#listening) {
      try {
        this.#open(listening);
        listening.failure = undefined;
      } catch (failure) {
        if (!(failure instanceof KernelError)) throw failure;
        const why = wordsOf(failure, name);
        if (listening.failure !== why) this.#log.warn("cannot listen for BGP", { why });
        listening.failure = why;
        this.#retry ??= this.#clock.after(RETRY_MS, () => this.#apply());
      }
    }
  }

  #open(listening: Listening): void {
    listening.listener ??= this.#transport.listen(listening.place, this.#incoming);
    const { listener, keys, place } = listening;
    for (const peer of [...keys.keys()]) {
      if (this.#keys.has(peer)) continue;
      listener.setKey(peer, undefined);
      keys.delete(peer);
    }
    for (const [peer, key] of this.#keys) {
      if (familyOf(peer) !== place.family || keys.get(peer) === key) continue;
      listener.setKey(peer, key);
      keys.set(peer, key);
    }
  }
}

/** Every address of the families that peers have, or the addresses that are named. */
function placesOf(listen: SpeakerConfig["listen"], sessions: readonly SessionConfig[]): Place[] {
  if (!listen) return [];
  const { port, addresses } = listen;
  if (addresses) return addresses.map((address) => ({ family: familyOf(address), address, port }));
  return [...new Set(sessions.map(({ peer }) => familyOf(peer.address)))].map((family) => ({ family, port }));
}

const nameOf = ({ family, address, port }: Place): string =>
  `${address === undefined ? `any IPv${family} address` : formatAddress(address)} port ${port}`;

function wordsOf(failure: KernelError, name: string): string {
  switch (failure.errno) {
    case "EADDRINUSE":
      return `${name} is taken: another BGP daemon runs here; stop it, or give this one another port`;
    case "EADDRNOTAVAIL":
      return `${name}: the address is not one of this host`;
    case "EACCES":
      return `${name}: a port below 1024 needs root or CAP_NET_BIND_SERVICE`;
    default:
      return `${name}: ${failure.message}`;
  }
}
