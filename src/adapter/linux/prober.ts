/** Probes by sockets made in the namespaces that they ask from. ICMP echo: RFC 792; TCP and UDP ask an echo service (RFC 862). */
import { performance } from "node:perf_hooks";
import { internetChecksum } from "../../ip/checksum.ts";
import type { NetNamespace } from "../../port/namespaces.ts";
import type { Probe, ProbeOutcome, Prober } from "../../port/prober.ts";
import { InetSocket, type IoResult } from "./inet-socket.ts";

const IP_HEADER = 20;
const ICMP_HEADER = 8;
const UDP_HEADER = 8;
const ECHO_REQUEST = 8;
const ECHO_REPLY = 0;
/** A question that was lost is asked again, so that one full queue on the way is no failure. */
const REPEAT_MS = 250;
/** Largest packet that counts as small: TCP sends one segment then. */
const SMALL_PACKET = 576;

type Reason = Extract<ProbeOutcome, { ok: false }>["why"];

const reasons: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "refused",
  EPIPE: "refused",
  EMSGSIZE: "tooBig",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  EACCES: "unreachable",
  EPERM: "unreachable",
  EINVAL: "unreachable",
  ETIMEDOUT: "timeout",
};

export class LinuxProber implements Prober {
  #nextIdent = 1;

  probe(from: NetNamespace, probe: Probe): Promise<ProbeOutcome> {
    const ident = this.#nextIdent;
    this.#nextIdent = (ident % 0xfffe) + 1;
    return new Promise((resolve) => new Attempt(from, probe, ident, resolve).start());
  }
}

/** One probe: a socket, a deadline, and the answer that it waits for. */
class Attempt {
  readonly #probe: Probe;
  readonly #resolve: (outcome: ProbeOutcome) => void;
  readonly #socket: InetSocket;
  readonly #refused: string | undefined;
  readonly #buffer = Buffer.alloc(65_536);
  readonly #payload: Buffer;
  #ident: number;
  #sentAt = performance.now();
  #echoed = 0;
  #written = 0;
  #deadline: NodeJS.Timeout | undefined;
  #repeat: NodeJS.Timeout | undefined;
  #done = false;

  constructor(from: NetNamespace, probe: Probe, ident: number, resolve: (outcome: ProbeOutcome) => void) {
    this.#probe = probe;
    this.#ident = ident;
    this.#resolve = resolve;
    this.#payload = payloadOf(probe, ident);
    const { socket, refused } = from.run(() => {
      const made = new InetSocket(probe.protocol);
      made.neverFragment();
      return { socket: made, refused: made.connect(probe.to, probe.protocol === "icmp" ? 0 : probe.port) };
    });
    this.#socket = socket;
    this.#refused = refused;
  }

  start(): void {
    if (this.#probe.protocol !== "icmp") this.#ident = this.#socket.localPort;
    if (this.#refused !== undefined) {
      this.#fail(this.#refused);
      return;
    }
    this.#deadline = setTimeout(() => this.#fail("ETIMEDOUT"), this.#probe.timeoutMs);
    if (this.#probe.protocol === "tcp") {
      this.#socket.onReady("writable", () => this.#connected());
      return;
    }
    this.#socket.onReady("readable", () => this.#read());
    this.#repeat = setInterval(() => this.#ask(), REPEAT_MS);
    this.#ask();
  }

  /** Datagrams: sends the question. */
  #ask(): void {
    this.#sentAt = performance.now();
    const result = this.#socket.send(this.#payload);
    if (result && "errno" in result) this.#fail(result.errno);
  }

  /** TCP: the connection is made, or refused. */
  #connected(): void {
    const refused = this.#socket.takeError();
    if (refused !== undefined) {
      this.#fail(refused);
      return;
    }
    this.#socket.onReady("readable", () => this.#read());
    this.#sentAt = performance.now();
    this.#write();
  }

  #write(): void {
    const result = this.#socket.send(this.#payload.subarray(this.#written));
    if (result && "errno" in result) this.#fail(result.errno);
    else if (result) this.#written += result.count;
  }

  #read(): void {
    while (!this.#done) {
      const result: IoResult = this.#socket.receive(this.#buffer);
      if (!result) return;
      if ("errno" in result) this.#fail(result.errno);
      else if (this.#isAnswer(result.count)) this.#succeed();
      else if (result.count === 0 && this.#probe.protocol === "tcp") this.#fail("ECONNRESET");
    }
  }

  #isAnswer(count: number): boolean {
    const { protocol } = this.#probe;
    if (protocol === "udp") return this.#buffer.subarray(0, count).equals(this.#payload);
    if (protocol === "icmp") return isReply(this.#buffer.subarray(0, count), this.#ident);
    this.#echoed += count;
    if (this.#written < this.#payload.length) this.#write();
    return this.#echoed >= this.#payload.length;
  }

  #succeed(): void {
    const roundTripMs = performance.now() - this.#sentAt;
    this.#end({ ok: true, ident: this.#ident, roundTripMs });
  }

  #fail(errno: string): void {
    const why = reasons[errno] ?? "failed";
    this.#end({ ok: false, ident: this.#ident, why, ...(why === "timeout" ? {} : { errno }) });
  }

  #end(outcome: ProbeOutcome): void {
    if (this.#done) return;
    this.#done = true;
    clearTimeout(this.#deadline);
    clearInterval(this.#repeat);
    this.#socket.close();
    this.#resolve(outcome);
  }
}

function payloadOf({ protocol, packetOctets }: Probe, ident: number): Buffer {
  if (protocol === "tcp") return Buffer.alloc(packetOctets > SMALL_PACKET ? packetOctets * 3 : 64, "ocicat ");
  if (protocol === "udp") return Buffer.alloc(Math.max(packetOctets - IP_HEADER - UDP_HEADER, 16), `ocicat ${ident} `);
  const packet = Buffer.alloc(Math.max(packetOctets - IP_HEADER, ICMP_HEADER + 16), "ocicat ");
  packet.writeUInt8(ECHO_REQUEST, 0);
  packet.writeUInt8(0, 1);
  packet.writeUInt16BE(0, 2);
  packet.writeUInt16BE(ident, 4);
  packet.writeUInt16BE(1, 6);
  packet.writeUInt16BE(internetChecksum(packet), 2);
  return packet;
}

/** Whether a packet of a raw ICMP socket (IP header included) answers the echo request of that identifier. */
function isReply(packet: Buffer, ident: number): boolean {
  const header = packet.length > 0 ? (packet.readUInt8(0) & 15) * 4 : 0;
  if (packet.length < header + ICMP_HEADER) return false;
  return packet.readUInt8(header) === ECHO_REPLY && packet.readUInt16BE(header + 4) === ident;
}
