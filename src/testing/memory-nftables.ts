/**
 * A kernel's nf_tables in memory that speaks its octets: transactions with generation, acknowledgements and roll-back,
 * lists, notifications; and faults that a real kernel shows too seldom. The driver, the codecs and the request layer
 * above it are the shipped ones.
 */
import {
  beginAttribute,
  beginMessage,
  ControlType,
  eachMessage,
  endAttribute,
  endMessage,
  Flag,
  type Message,
  NESTED,
  NetlinkFormatError,
  stampMessage,
} from "../netlink/message.ts";
import { BatchType, MessageType } from "../netlink/nftables/codes.ts";
import { decodeElements, decodeTableKey } from "../netlink/nftables/object-decoder.ts";
import {
  NFTA_SET_ELEM_LIST_ELEMENTS,
  writeChain,
  writeElementListHead,
  writeFamily,
  writeGeneration,
} from "../netlink/nftables/object-encoder.ts";
import { KernelError, type Netlink, type NetlinkOptions, type NetlinkSocket } from "../port/netlink.ts";
import { Writer } from "../wire/writer.ts";
import { changed, Errno, type MemoryTable, Refusal, type Ruleset } from "./memory-nftables-ruleset.ts";

/** Each says how often the next time; counted down as they strike. */
export interface NftFaults {
  /** Lists whose tables "moved" while they were read: the flag that the kernel sets. */
  interruptedLists: number;
  /** Transactions that find the generation moved on, by a change to some other table. */
  restarts: number;
  /** Transactions that are done, but whose answer gets lost without a word. */
  lostAnswers: number;
  /** Transactions that are done, but whose answer does not fit the buffer: ENOBUFS. */
  overruns: number;
  /** Commits whose notifications do not fit the listeners' buffers: ENOBUFS. */
  lostNotifications: number;
  /** Datagrams that are cut in half. */
  cutDatagrams: number;
  /** Transactions that are refused with this errno. */
  refusals: { count: number; errno: number };
}

const LIST_DATAGRAM_OCTETS = 4096;
const ELEMENTS_PER_MESSAGE = 50;
const HANDLE = 3;
/** Of somebody whose changes nobody here asked for. */
const FOREIGN_PORT = 1;

export class MemoryNftables implements Netlink {
  readonly faults: NftFaults = {
    interruptedLists: 0,
    restarts: 0,
    lostAnswers: 0,
    overruns: 0,
    lostNotifications: 0,
    cutDatagrams: 0,
    refusals: { count: 0, errno: 0 },
  };
  /** What a foreign hand does once, right before and right after the next transaction. */
  readonly hand: { before?: (() => void) | undefined; after?: (() => void) | undefined } = {};
  /** Transactions that took effect. */
  commits = 0;
  ruleset: Ruleset = new Map();
  generation = 1;
  readonly #sockets = new Set<MemorySocket>();
  #nextPort = 1000;
  #spared = 0;

  open(options: NetlinkOptions): NetlinkSocket {
    const socket = new MemorySocket(this, this.#nextPort++, (options.groups ?? []).length > 0);
    this.#sockets.add(socket);
    return socket;
  }

  closed(socket: MemorySocket): void {
    this.#sockets.delete(socket);
  }

  strikes(fault: Exclude<keyof NftFaults, "refusals">): boolean {
    if (this.faults[fault] === 0 || (this.#spared > 0 && fault !== "lostNotifications")) return false;
    this.faults[fault]--;
    return true;
  }

  /** Work that is answered truly; notifications of what it changes may be lost all the same. */
  async sparing<T>(work: () => Promise<T>): Promise<T> {
    this.#spared++;
    try {
      return await work();
    } finally {
      this.#spared--;
    }
  }

  /** A transaction, or requests one by one. */
  handle(socket: MemorySocket, octets: Uint8Array): void {
    const messages: Message[] = [];
    eachMessage(octets, (message) => messages.push(message));
    if (messages[0]?.type === BatchType.begin) {
      const { before, after } = this.hand;
      Object.assign(this.hand, { before: undefined, after: undefined });
      before?.();
      this.#transaction(socket, messages);
      after?.();
    } else for (const message of messages) this.#request(socket, message);
  }

  #transaction(socket: MemorySocket, [begin, ...rest]: readonly Message[]): void {
    if (!begin) return;
    if (this.strikes("restarts")) this.#commit(FOREIGN_PORT, this.ruleset, []);
    const view = new DataView(begin.payload.buffer, begin.payload.byteOffset, begin.payload.length);
    const wanted = view.getUint32(8);
    if (wanted !== 0 && wanted !== this.generation) {
      socket.deliver([acknowledgement(begin, Errno.ERESTART)]);
      return;
    }
    const answers: Uint8Array[] = [];
    const done: Message[] = [];
    let ruleset = this.ruleset;
    let hasFailed = false;
    const isRefused = this.faults.refusals.count > 0 && this.#spared === 0;
    if (isRefused) this.faults.refusals.count--;
    for (const message of rest) {
      if (message.type === BatchType.end) break;
      let errno = 0;
      try {
        if (isRefused) throw new Refusal(this.faults.refusals.errno);
        ruleset = changed(ruleset, message);
        done.push(message);
      } catch (failure) {
        if (!(failure instanceof Refusal || failure instanceof NetlinkFormatError)) throw failure;
        errno = failure instanceof Refusal ? failure.errno : Errno.EINVAL;
        hasFailed = true;
      }
      if (errno !== 0 || (message.flags & Flag.ack) !== 0) answers.push(acknowledgement(message, errno));
    }
    if (!hasFailed) {
      this.#commit(socket.portId, ruleset, done);
      this.commits++;
    }
    if (this.strikes("lostAnswers")) return;
    if (this.strikes("overruns")) socket.overrun();
    else socket.deliver(answers);
  }

  #commit(port: number, ruleset: Ruleset, done: readonly Message[]): void {
    this.ruleset = ruleset;
    this.generation++;
    const isLost = this.strikes("lostNotifications");
    const notifications = done.map(({ type, payload }) => answer({ type, payload, port }));
    notifications.push(this.#generationMessage(0, port));
    for (const listener of this.#sockets) {
      if (!listener.isListening) continue;
      if (isLost) listener.overrun();
      else listener.deliver(notifications);
    }
  }

  #generationMessage(sequence: number, port: number): Uint8Array {
    const writer = new Writer(64);
    writeFamily(writer, undefined);
    writeGeneration(writer, this.generation);
    return answer({ type: MessageType.newGeneration, payload: writer.finish(), sequence, port });
  }

  #request(socket: MemorySocket, message: Message): void {
    if (message.type === ControlType.noop) {
      socket.deliver([acknowledgement(message, 0)]);
    } else if (message.type === MessageType.getGeneration) {
      socket.deliver([this.#generationMessage(message.sequence, 0)]);
    } else this.#list(socket, message);
  }

  #list(socket: MemorySocket, message: Message): void {
    const { sequence } = message;
    const flags = Flag.multi | (this.strikes("interruptedLists") ? Flag.dumpInterrupted : 0);
    let payloads: { type: number; payload: Uint8Array }[];
    try {
      payloads = [...this.#listed(message)];
    } catch (failure) {
      if (!(failure instanceof Refusal)) throw failure;
      socket.deliver([acknowledgement(message, failure.errno)]);
      return;
    }
    const messages = payloads.map(({ type, payload }) => answer({ type, payload, sequence, flags }));
    const end = answer({ type: ControlType.done, payload: new Uint8Array(4), sequence, flags });
    let datagram: Uint8Array[] = [];
    let octets = 0;
    for (const one of [...messages, end]) {
      if (octets + one.length > LIST_DATAGRAM_OCTETS && datagram.length > 0) {
        socket.deliver(datagram);
        [datagram, octets] = [[], 0];
      }
      datagram.push(one);
      octets += one.length;
    }
    socket.deliver(datagram);
  }

  *#listed({ type, payload }: Message): Generator<{ type: number; payload: Uint8Array }> {
    const family = payload[0] ?? 0;
    const { name } = decodeTableKey(payload);
    const tables = [...this.ruleset.values()].filter(
      (table) => (family === 0 || table.family === family) && (name === undefined || table.name === name),
    );
    if (type === MessageType.getElements) {
      const { set } = decodeElements(payload);
      const [table] = tables;
      const elements = table?.sets.get(set)?.elements;
      if (!table || !elements) throw new Refusal(Errno.ENOENT);
      yield* listedElements(table, set, [...elements.values()].map((element) => element.octets).reverse());
      return;
    }
    for (const table of tables) {
      if (type === MessageType.getTable) yield { type: MessageType.newTable, payload: table.payload };
      if (type === MessageType.getChain) yield* listedChains(table);
      if (type === MessageType.getRule) yield* listedRules(table);
      if (type !== MessageType.getSet) continue;
      for (const set of table.sets.values()) yield { type: MessageType.newSet, payload: set.payload };
    }
  }
}

function* listedChains(table: MemoryTable): Generator<{ type: number; payload: Uint8Array }> {
  for (const { decoded } of table.chains.values()) {
    const { family, name, base, comment } = decoded;
    if (!family || base === "foreign") continue;
    const writer = new Writer(128);
    writeFamily(writer, family);
    const head = { name, rules: [], ...(base ? { base } : {}), ...(comment === undefined ? {} : { comment }) };
    writeChain(writer, { family, name: table.name }, head);
    yield { type: MessageType.newChain, payload: Uint8Array.from(writer.finish()) };
  }
}

function* listedRules(table: MemoryTable): Generator<{ type: number; payload: Uint8Array }> {
  let handle = 1n;
  for (const { rules } of table.chains.values()) {
    for (const { payload } of rules) {
      const writer = new Writer(256);
      writer.octets(payload);
      const at = beginAttribute(writer, HANDLE);
      writer.u64(handle++);
      endAttribute(writer, at);
      yield { type: MessageType.newRule, payload: Uint8Array.from(writer.finish()) };
    }
  }
}

function* listedElements(
  table: MemoryTable,
  set: string,
  elements: readonly Uint8Array[],
): Generator<{ type: number; payload: Uint8Array }> {
  for (let from = 0; from < elements.length; from += ELEMENTS_PER_MESSAGE) {
    const writer = new Writer(1024);
    writer.u8(table.family);
    writer.u8(0);
    writer.u16(0);
    writeElementListHead(writer, table.name, set);
    const list = beginAttribute(writer, NFTA_SET_ELEM_LIST_ELEMENTS | NESTED);
    for (const octets of elements.slice(from, from + ELEMENTS_PER_MESSAGE)) {
      const at = beginAttribute(writer, 1 | NESTED);
      writer.octets(octets);
      endAttribute(writer, at);
    }
    endAttribute(writer, list);
    yield { type: MessageType.newElements, payload: Uint8Array.from(writer.finish()) };
  }
}

function answer(message: {
  readonly type: number;
  readonly payload: Uint8Array;
  readonly sequence?: number;
  readonly port?: number;
  readonly flags?: number;
}): Uint8Array {
  const { type, payload, sequence = 0, port = 0, flags = 0 } = message;
  const writer = new Writer(payload.length + 32);
  const at = beginMessage(writer, type, flags);
  writer.octets(payload);
  endMessage(writer, at);
  stampMessage(writer, at, sequence);
  writer.patchU32Host(at + 12, port);
  writer.zeros(-writer.length & 3);
  return Uint8Array.from(writer.finish());
}

/** As with NETLINK_CAP_ACK: errno and the header of what is answered. */
function acknowledgement({ type, flags, sequence }: Message, errno: number): Uint8Array {
  const writer = new Writer(64);
  writer.i32Host(-errno);
  const at = beginMessage(writer, type, flags);
  endMessage(writer, at);
  stampMessage(writer, at, sequence);
  return answer({ type: ControlType.error, payload: writer.finish(), sequence, flags: Flag.ackCapped });
}

class MemorySocket implements NetlinkSocket {
  readonly portId: number;
  readonly isListening: boolean;
  readonly #kernel: MemoryNftables;
  readonly #waiting: Uint8Array[] = [];
  #isOverrun = false;
  #readable: (() => void) | undefined;
  #isClosed = false;

  constructor(kernel: MemoryNftables, portId: number, isListening: boolean) {
    this.#kernel = kernel;
    this.portId = portId;
    this.isListening = isListening;
  }

  send(octets: Uint8Array): void {
    if (this.#isClosed) throw new KernelError({ call: "send", errno: "EBADF", number: 9 });
    this.#kernel.handle(this, octets);
  }

  /** Others get turns before the work and between the work and its end, as with a real thread. */
  async sendOffLoop(octets: Uint8Array): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.send(octets);
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** One datagram of whole messages. */
  deliver(messages: readonly Uint8Array[]): void {
    if (messages.length === 0) return;
    const whole = Uint8Array.from(Buffer.concat(messages));
    this.#waiting.push(this.#kernel.strikes("cutDatagrams") ? whole.subarray(0, whole.length >> 1) : whole);
    this.#wake();
  }

  overrun(): void {
    this.#isOverrun = true;
    this.#wake();
  }

  #wake(): void {
    if (!this.#readable) return;
    setImmediate(() => {
      if (!this.#isClosed && (this.#isOverrun || this.#waiting.length > 0)) this.#readable?.();
    });
  }

  receive(): Uint8Array | undefined {
    if (this.#isOverrun) {
      this.#isOverrun = false;
      throw new KernelError({ call: "recv", errno: "ENOBUFS", number: 105, subject: "netlink message" });
    }
    return this.#waiting.shift();
  }

  onReadable(readable: () => void): void {
    this.#readable = readable;
  }

  close(): void {
    this.#isClosed = true;
    this.#kernel.closed(this);
  }
}
