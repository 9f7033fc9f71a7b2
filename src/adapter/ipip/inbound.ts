/**
 * From the wire to the tunnel's device: packets of known nodes lose their outer header. Segments of one TCP stream that come right
 * behind each other are given to the kernel as one, which is what makes many of them cheap. Nothing is made for a packet.
 */

import type { TunnelCounters } from "../../port/tunnel-server.ts";
import {
  DEVICE_HEADER_OCTETS,
  leaveChecksum,
  leaveSegments,
  writeDeviceHeader,
} from "../../wire/tunnel/device-header.ts";
import { OUTER_OCTETS, openOuter } from "../../wire/tunnel/ipip-header.ts";
import { networkHalf, PacketMemory } from "../../wire/tunnel/packet-memory.ts";
import {
  continues,
  isPlainData,
  isPushed,
  isTcpSound,
  joinHeaders,
  partialChecksumAt,
  tcpHeaders,
} from "../../wire/tunnel/tcp-segments.ts";
import { memoryCalls } from "../linux/libc.ts";
import { Messages, placeOf, Vectors } from "./message-vectors.ts";

const MESSAGES = 64;
/** Room before the outer header, so that with that it holds what the device wants before a packet. */
const ROOM = DEVICE_HEADER_OCTETS - OUTER_OCTETS;
const SLOT_OCTETS = (64 << 10) + 64;
const BATCHES_PER_TURN = 32;
const LONGEST = 0xffff;
const TCP_CHECKSUM = 16;
const IP = 20;
const EAGAIN = 11;
const EBADFD = 77;

export class Inbound {
  readonly #device: number;
  readonly #counters: TunnelCounters;
  readonly #memory = new PacketMemory(MESSAGES * SLOT_OCTETS);
  readonly #place = placeOf(this.#memory.octets);
  readonly #messages = new Messages(MESSAGES, 1);
  readonly #pieces = new Vectors(MESSAGES);
  /** Nodes that may send, as their addresses lie in a packet, read as words. */
  readonly #sources: { has(source: number): boolean };
  socket = -1;
  local = 0;
  /** Octets of the longest packet that the device takes. */
  mtu = 1_480;
  /** The run of segments that is being joined: where its first packet is, its headers, payload, segment and pieces. */
  #first = 0;
  #headers = 0;
  #payload = 0;
  #segment = 0;
  #count = 0;
  #isEnded = false;
  #isPushed = false;
  #errno = 0;

  /** `device` takes frames with what stands before those of a TAP device. */
  constructor(device: number, counters: TunnelCounters, sources: { has(source: number): boolean }) {
    this.#sources = sources;
    this.#device = device;
    this.#counters = counters;
    for (let index = 0; index < MESSAGES; index++) {
      this.#messages.setPiece(index, 0, this.#place + index * SLOT_OCTETS + ROOM, SLOT_OCTETS - ROOM);
    }
  }

  /** Takes what waits, up to a turn's work. EBADFD: the device is gone; 0 where nothing ended it. */
  turn(): number {
    this.#errno = 0;
    for (let batch = 0; batch < BATCHES_PER_TURN && this.#errno === 0; batch++) {
      const count = memoryCalls.recvmmsg(this.socket, this.#messages.placeAt(0), MESSAGES);
      if (count < 0) return -count === EAGAIN ? this.#errno : -count;
      for (let index = 0; index < count; index++) this.#take(index * SLOT_OCTETS, this.#messages.lengthOf(index));
      this.#flush();
      if (count < MESSAGES) break;
    }
    return this.#errno;
  }

  #take(slot: number, length: number): void {
    const memory = this.#memory;
    const outer = slot + ROOM;
    const source = memory.words[(outer + 12) >>> 2] ?? 0;
    if (!this.#sources.has(source)) {
      this.#counters.unknownSource++;
      return;
    }
    const ip = openOuter(memory, outer, length);
    if (ip === 0) {
      this.#counters.notReceived++;
      return;
    }
    this.#counters.received++;
    const packet = networkHalf(memory, ip + 2);
    writeDeviceHeader(memory, ip - DEVICE_HEADER_OCTETS, this.local, source);
    const headers = tcpHeaders(memory, ip, packet);
    if (headers > 0 && isPlainData(memory, ip, headers, packet) && isTcpSound(memory, ip, packet)) {
      this.#join(ip, headers, packet);
    } else {
      this.#flush();
      this.#single(ip, packet);
    }
  }

  #join(ip: number, headers: number, packet: number): void {
    const payload = packet - headers;
    const fits =
      this.#count > 0 &&
      !this.#isEnded &&
      headers === this.#headers &&
      payload <= this.#segment &&
      headers + this.#payload + payload <= LONGEST &&
      continues(this.#memory, this.#first, ip, headers, this.#payload);
    if (!fits) {
      this.#flush();
      this.#first = ip;
      this.#headers = headers;
      this.#payload = payload;
      // What others have joined already is cut again as the device wants it.
      this.#segment = Math.min(payload, this.mtu - headers);
      this.#count = 1;
      this.#isEnded = isPushed(this.#memory, ip) || payload > this.#segment;
      const start = ip - DEVICE_HEADER_OCTETS;
      this.#pieces.set(0, this.#place + start, DEVICE_HEADER_OCTETS + packet);
      return;
    }
    this.#pieces.set(this.#count++, this.#place + ip + headers, payload);
    this.#payload += payload;
    this.#isEnded = isPushed(this.#memory, ip) || payload < this.#segment;
    this.#isPushed ||= isPushed(this.#memory, ip);
  }

  #flush(): void {
    if (this.#count === 0) return;
    const memory = this.#memory;
    const ip = this.#first;
    if (this.#payload > this.#segment) {
      const start = ip - DEVICE_HEADER_OCTETS;
      joinHeaders(memory, ip, this.#headers, this.#payload, this.#isPushed);
      leaveChecksum(memory, start, ip + IP, TCP_CHECKSUM);
      leaveSegments(memory, start, this.#headers, this.#segment);
      this.#judge(memoryCalls.writev(this.#device, this.#pieces.place, this.#count));
    } else this.#single(ip, this.#headers + this.#payload);
    this.#count = 0;
    this.#isPushed = false;
  }

  #single(ip: number, packet: number): void {
    const start = ip - DEVICE_HEADER_OCTETS;
    const field = partialChecksumAt(this.#memory, ip, packet);
    if (field > 0) leaveChecksum(this.#memory, start, ip + IP, field - ip - IP);
    this.#judge(memoryCalls.write(this.#device, this.#place + start, DEVICE_HEADER_OCTETS + packet));
  }

  #judge(result: number): void {
    if (result >= 0) return;
    this.#counters.notReceived++;
    if (result === -EBADFD) this.#errno = EBADFD;
  }
}
