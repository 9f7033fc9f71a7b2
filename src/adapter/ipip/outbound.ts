/**
 * From the tunnel's device to the wire. Frames are read one after the other into an arena; each becomes a message, or as many as
 * it has segments, and all of them leave by one call. Nothing is made for a packet.
 */

import type { TunnelCounters } from "../../port/tunnel-server.ts";
import {
  checksumField,
  checksumStart,
  DEVICE_HEADER_OCTETS,
  nodeOf,
  segmentOf,
} from "../../wire/tunnel/device-header.ts";
import { OUTER_OCTETS, writeOuter } from "../../wire/tunnel/ipip-header.ts";
import { networkHalf, PacketMemory } from "../../wire/tunnel/packet-memory.ts";
import { completeChecksum, SegmentCutter, tcpHeaders } from "../../wire/tunnel/tcp-segments.ts";
import { isUnfragmentable } from "../../wire/tunnel/too-big.ts";
import { memoryCalls } from "../linux/libc.ts";
import { Messages, placeOf } from "./message-vectors.ts";
import { rescued } from "./too-long.ts";

/** A frame of 64 KB with what stands before it. */
const LONGEST_FRAME = 66 << 10;
const ARENA_OCTETS = 8 * LONGEST_FRAME;
const MESSAGES = 256;
/** Outer header, and headers of IPv4 and TCP at their longest. */
const HEADERS_OCTETS = OUTER_OCTETS + 20 + 60 + 4;
/** Messages in a turn: some milliseconds. */
const MESSAGES_PER_TURN = 2_048;
const EAGAIN = 11;
const EMSGSIZE = 90;

export class Outbound {
  readonly #device: number;
  readonly #counters: TunnelCounters;
  readonly #arena = new PacketMemory(ARENA_OCTETS);
  readonly #headers = new PacketMemory(MESSAGES * HEADERS_OCTETS);
  readonly #arenaPlace = placeOf(this.#arena.octets);
  readonly #headersPlace = placeOf(this.#headers.octets);
  readonly #messages = new Messages(MESSAGES, 2);
  /** Where the packet lies that each message is of, and the node that it goes to; those that are cut below zero. */
  readonly #packets = new Int32Array(MESSAGES);
  readonly #nodes = new Int32Array(MESSAGES);
  readonly #cutter = new SegmentCutter(this.#arena);
  #used = 0;
  #count = 0;
  #sent = 0;
  /** Where the packet lies whose segments were refused last. */
  #spokenFor = 0;
  /** The socket, and its address read as a word. */
  socket = -1;
  local = 0;

  constructor(device: number, counters: TunnelCounters) {
    this.#device = device;
    this.#counters = counters;
  }

  /** Takes what waits, up to a turn's work. The errno that ended it, 0 where there was none. */
  turn(): number {
    this.#sent = 0;
    let errno = 0;
    while (this.#sent < MESSAGES_PER_TURN) {
      const length = memoryCalls.read(this.#device, this.#arenaPlace + this.#used, LONGEST_FRAME);
      if (length < 0) {
        errno = -length === EAGAIN ? 0 : -length;
        break;
      }
      this.#take(this.#used, length);
      this.#used += (length + 7) & ~7;
      if (ARENA_OCTETS - this.#used < LONGEST_FRAME) this.#flush();
    }
    this.#flush();
    return errno;
  }

  #take(at: number, frameLength: number): void {
    const arena = this.#arena;
    const ip = at + DEVICE_HEADER_OCTETS;
    const node = nodeOf(arena, at);
    const length = networkHalf(arena, ip + 2);
    if (node === 0 || this.socket < 0 || (arena.octets[ip] ?? 0) >>> 4 !== 4 || length > frameLength - (ip - at)) {
      this.#counters.notSent++;
      return;
    }
    const segment = segmentOf(arena, at);
    if (segment === 0) this.#whole(at, ip, length, node);
    else this.#cut(ip, length, segment, node);
  }

  #whole(at: number, ip: number, length: number, node: number): void {
    const arena = this.#arena;
    const start = checksumStart(arena, at);
    if (start >= ip && start + checksumField(arena, at) + 2 <= ip + length) {
      completeChecksum(arena, start, start + checksumField(arena, at), ip + length);
    }
    const index = this.#begin(ip, node, false);
    this.#messages.setPiece(index, 0, this.#headersPlace + index * HEADERS_OCTETS, OUTER_OCTETS);
    this.#messages.setPiece(index, 1, this.#arenaPlace + ip, length);
  }

  #cut(ip: number, length: number, segment: number, node: number): void {
    const headers = segment < 0 ? 0 : tcpHeaders(this.#arena, ip, length);
    if (headers === 0) {
      this.#counters.notSent++;
      return;
    }
    this.#cutter.begin(ip, headers, length, segment);
    for (;;) {
      if (this.#count === MESSAGES) this.#send();
      const at = this.#count * HEADERS_OCTETS;
      const payload = this.#cutter.next(this.#headers, at + OUTER_OCTETS);
      if (payload === 0) return;
      const index = this.#begin(ip, node, true);
      this.#messages.setPiece(index, 0, this.#headersPlace + at, OUTER_OCTETS + headers);
      this.#messages.setPiece(index, 1, this.#arenaPlace + this.#cutter.payloadAt, payload);
    }
  }

  /** The next message, with the outer header for the packet at `ip`, or for a segment of it. */
  #begin(ip: number, node: number, isSegment: boolean): number {
    if (this.#count === MESSAGES) this.#send();
    const index = this.#count++;
    this.#packets[index] = isSegment ? -ip : ip;
    this.#nodes[index] = node;
    writeOuter(this.#headers, index * HEADERS_OCTETS, this.#arena, ip, this.local, node);
    this.#messages.setDestination(index, node);
    return index;
  }

  #flush(): void {
    this.#send();
    this.#used = 0;
    this.#spokenFor = 0;
  }

  /** What the kernel refuses (no route, no room) is dropped, as a device drops it. */
  #send(): void {
    let from = 0;
    while (from < this.#count) {
      const sent = memoryCalls.sendmmsg(this.socket, this.#messages.placeAt(from), this.#count - from);
      if (sent > 0) {
        from += sent;
        continue;
      }
      const refused = sent === -EAGAIN ? this.#count - from : 1;
      if (sent !== -EMSGSIZE || !this.#rescued(from)) this.#counters.notSent += refused;
      from += refused;
    }
    this.#sent += this.#count;
    this.#count = 0;
  }

  /** Whether the message that is too long has gone another way. Of many segments of a packet the first one speaks for all. */
  #rescued(index: number): boolean {
    const packet = this.#packets[index] ?? 0;
    const ip = Math.abs(packet);
    if (packet < 0 && (ip === this.#spokenFor || !isUnfragmentable(this.#arena, ip))) return false;
    this.#spokenFor = ip;
    return rescued(this.#arena, ip, this.local, this.#nodes[index] ?? 0);
  }
}
