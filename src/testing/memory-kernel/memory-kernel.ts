/**
 * A network namespace in memory that speaks rtnetlink in octets: what is tested above it (requests, lists, notifications, drivers)
 * is what is shipped. It answers as Linux does as far as the drivers can tell, and can be told to fail (`faults`).
 */
import {
  ATTRIBUTE_HEADER_OCTETS,
  ControlType,
  eachMessage,
  Flag,
  HEADER_OCTETS,
  type Message,
  NetlinkFormatError,
} from "../../netlink/message.ts";
import { RtmType } from "../../netlink/rtnetlink/codes.ts";
import { KernelError, type Netlink, type NetlinkOptions, type NetlinkSocket } from "../../port/netlink.ts";
import type { Writer } from "../../wire/writer.ts";
import { MemoryBpf } from "../memory-bpf.ts";
import { octetsOf, type Shown } from "./bus.ts";
import { Faults } from "./faults.ts";
import { Errno, Refusal } from "./refusal.ts";
import { cut, MemorySocket } from "./socket.ts";
import { MemoryTables } from "./tables.ts";
import { MemoryView } from "./view.ts";

const NLMSGERR_ATTR_MSG = 1;
/** Messages in one datagram of a dump; few, so that dumps take several. */
const DUMP_MESSAGES = 7;

export class MemoryKernel implements Netlink {
  readonly faults = new Faults();
  readonly bpf = new MemoryBpf();
  readonly tables = new MemoryTables({ notify: (group, shown, port) => this.#notify(group, shown, port) }, this.bpf);
  readonly view = new MemoryView(this.tables);
  readonly #sockets = new Set<MemorySocket>();
  #nextPort = 1_000;

  open(options: NetlinkOptions): NetlinkSocket {
    if (options.protocol !== "route") {
      throw new KernelError({ call: "socket", errno: "EPROTONOSUPPORT", number: 93, subject: options.protocol });
    }
    const socket = new MemorySocket(this.#nextPort++, options, {
      handle: (from, octets) => this.#handle(from, octets),
      closed: (gone) => void this.#sockets.delete(gone),
    });
    this.#sockets.add(socket);
    return socket;
  }

  /** Sockets that are open. */
  get openSockets(): number {
    return this.#sockets.size;
  }

  #handle(socket: MemorySocket, octets: Uint8Array): void {
    eachMessage(octets, (message) => {
      try {
        this.#carryOut(socket, message);
        if ((message.flags & Flag.ack) !== 0) this.#answer(socket, acknowledgement(message, 0, ""));
      } catch (failure) {
        this.#answer(socket, acknowledgement(message, ...refusalOf(failure)));
      }
    });
  }

  #carryOut(socket: MemorySocket, message: Message): void {
    if (message.type <= ControlType.overrun) return;
    const refused = this.faults.takeRefusal(message.type);
    if (refused !== 0) throw new Refusal(refused, "on purpose");
    const asked = { ...message, port: socket.portId };
    if ((message.flags & Flag.dump) === Flag.dump && isGet(message.type)) this.#dump(socket, message);
    else if (message.type === RtmType.getLink) this.#show(socket, message, this.tables.links.asked(message.payload));
    else this.tables.of(message.type).request(asked);
  }

  #show(socket: MemorySocket, { sequence }: Message, shown: Shown): void {
    this.#answer(socket, octetsOf(shown, { sequence, port: socket.portId }));
  }

  #dump(socket: MemorySocket, { type, payload, sequence }: Message): void {
    const isInterrupted = this.faults.takeInterruption();
    const flags = Flag.multi | (isInterrupted ? Flag.dumpInterrupted : 0);
    const listed = this.tables.of(type).list(payload);
    // An interrupted dump is one that may have missed something.
    const parts = (isInterrupted ? listed.slice(1) : listed).map((shown) =>
      octetsOf(shown, { flags, sequence, port: socket.portId }),
    );
    const done = { type: ControlType.done, flags: 0, encode: (writer: Writer) => writer.u32Host(0) };
    parts.push(octetsOf(done, { flags, sequence, port: socket.portId }));
    for (let from = 0; from < parts.length; from += DUMP_MESSAGES) {
      this.#answer(socket, joined(parts.slice(from, from + DUMP_MESSAGES)));
    }
  }

  #answer(socket: MemorySocket, datagram: Uint8Array): void {
    if (this.faults.takeLostAnswer()) socket.overrun();
    else socket.deliver(this.faults.takeCut() ? cut(datagram) : datagram);
  }

  #notify(group: number, shown: Shown, port: number): void {
    const datagram = octetsOf(shown, { sequence: 0, port });
    for (const socket of this.#sockets) {
      if (!socket.listensTo(group, datagram)) continue;
      if (this.faults.takeLostNotification()) socket.overrun();
      else socket.deliver(datagram);
    }
  }

  /** Idempotent. */
  close(): void {
    for (const socket of [...this.#sockets]) socket.close();
  }
}

const isGet = (type: number): boolean => (type & 3) === 2;

function refusalOf(failure: unknown): [errno: number, text: string] {
  if (failure instanceof Refusal) return [failure.errno, failure.message];
  if (failure instanceof NetlinkFormatError) return [Errno.EINVAL, failure.message];
  throw failure;
}

/** NLMSG_ERROR with a capped request, and the text where there is one. */
function acknowledgement({ sequence, type, flags, port }: Message, errno: number, text: string): Uint8Array {
  const encode = (writer: Writer): void => {
    writer.i32Host(-errno);
    writer.u32Host(HEADER_OCTETS);
    writer.u16Host(type);
    writer.u16Host(flags);
    writer.u32Host(sequence);
    writer.u32Host(port);
    if (text === "") return;
    const octets = new TextEncoder().encode(text);
    writer.u16Host(ATTRIBUTE_HEADER_OCTETS + octets.length + 1);
    writer.u16Host(NLMSGERR_ATTR_MSG);
    writer.octets(octets);
    writer.zeros(4 - (octets.length % 4));
  };
  const acknowledged = Flag.ackCapped | (text === "" ? 0 : Flag.ackAttributes);
  return octetsOf({ type: ControlType.error, flags: acknowledged, encode }, { sequence, port });
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
