/** Eyes on every wire of the underlay for as long as a check lasts. */
import type { PacketTap, PacketTaps } from "../../port/packet-tap.ts";
import type { Underlay } from "../underlay/network.ts";
import { type ProbeKey, type Seen, type Sighting, seenIn } from "./sighting.ts";

/** Enough for two layers of headers with options. */
const SNAP_OCTETS = 256;

export interface Sightings {
  readonly there: readonly Sighting[];
  readonly back: readonly Sighting[];
}

export class WireWatch {
  readonly #taps: readonly PacketTap[];
  readonly #seen = new Map<ProbeKey, { there: Sighting[]; back: Sighting[] }>();

  /** Throws KernelError. */
  constructor(underlay: Underlay, taps: PacketTaps, echoPort: number) {
    this.#taps = [...underlay.routers].map(([router, net]) =>
      taps.open(net, { snapOctets: SNAP_OCTETS }, (frame) => {
        const seen = seenIn(frame, router, echoPort);
        if (seen) this.#keep(seen);
      }),
    );
  }

  #keep({ key, way, sighting }: Seen): void {
    let both = this.#seen.get(key);
    if (!both) {
      both = { there: [], back: [] };
      this.#seen.set(key, both);
    }
    both[way].push(sighting);
  }

  /** What was seen until now, and is forgotten by asking. */
  take(key: ProbeKey): Sightings {
    for (const tap of this.#taps) tap.drain();
    const both = this.#seen.get(key);
    this.#seen.delete(key);
    return both ?? { there: [], back: [] };
  }

  close(): void {
    for (const tap of this.#taps) tap.close();
  }
}
