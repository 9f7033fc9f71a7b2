/**
 * Run inside a pod (`node traffic-source.ts ADDRESS…`): a UDP datagram a millisecond to the echo service of each address,
 * and one TCP connection to each with a line every ten milliseconds, until standard input ends. Prints `flowing` when
 * every address has answered both ways, then `sent N` each time that another hundred datagrams have gone to each, and at
 * the end what became of it as one line of JSON.
 */
import dgram from "node:dgram";
import { once } from "node:events";
import net from "node:net";
import type { Flow } from "./traffic.ts";

const ECHO_PORT = 7;
/** Late answers count as answers until then. */
const LAST_ANSWER_MS = 1_500;
const LINE_EVERY_TICKS = 10;
const MOST_AT_ONCE = 20;
const TELL_EVERY_TICKS = 100;

class Target {
  readonly address: string;
  readonly socket: dgram.Socket;
  readonly connection: net.Socket;
  sent = 0;
  linesSent = 0;
  linesEchoed = 0;
  longestGapMs = 0;
  error: string | undefined;
  readonly #waiting = new Set<number>();
  #lastAnswer = performance.now();

  constructor(address: string) {
    this.address = address;
    this.socket = dgram.createSocket("udp4");
    this.socket.on("message", (message) => {
      if (!this.#waiting.delete(message.readUInt32BE(0))) return;
      const now = performance.now();
      this.longestGapMs = Math.max(this.longestGapMs, now - this.#lastAnswer);
      this.#lastAnswer = now;
    });
    this.socket.connect(ECHO_PORT, address);
    this.connection = net.connect({ host: address, port: ECHO_PORT, noDelay: true });
    this.connection.on("data", (chunk) => {
      this.linesEchoed += chunk.toString().split("\n").length - 1;
    });
    this.connection.on("error", (error) => {
      this.error = error.message;
    });
    this.connection.on("close", () => {
      this.error ??= "closed by the other side";
    });
  }

  tick(tick: number): void {
    const datagram = Buffer.alloc(64);
    datagram.writeUInt32BE(++this.sent);
    this.#waiting.add(this.sent);
    this.socket.send(datagram);
    if (tick % LINE_EVERY_TICKS === 0 && this.error === undefined) this.connection.write(`line ${++this.linesSent}\n`);
  }

  get isAnswered(): boolean {
    return this.#waiting.size === 0 && this.linesEchoed === this.linesSent;
  }

  result(): Flow {
    const { sent, longestGapMs, linesSent, linesEchoed, error } = this;
    const flow = { address: this.address, sent, lost: [...this.#waiting], longestGapMs, linesSent, linesEchoed };
    return error === undefined ? flow : { ...flow, error };
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const targets = process.argv.slice(2).map((address) => new Target(address));
let isWanted = true;
process.stdin.resume().on("end", () => {
  isWanted = false;
  // Whatever it waits for then, nobody else waits for it.
  setTimeout(() => process.exit(1), 2 * LAST_ANSWER_MS).unref();
});
await Promise.all(targets.flatMap(({ socket, connection }) => [once(socket, "connect"), once(connection, "connect")]));
const begun = performance.now();
let ticks = 0;
let isTold = false;
while (isWanted) {
  // Timers come late on a busy machine; what is due is made up for, a few at a time: a burst would overflow sockets.
  const due = Math.min(performance.now() - begun, ticks + MOST_AT_ONCE);
  while (ticks < due) {
    ticks++;
    for (const target of targets) target.tick(ticks);
    if (ticks % TELL_EVERY_TICKS === 0) process.stdout.write(`sent ${ticks}\n`);
  }
  if (!isTold && targets.every(({ linesEchoed }) => linesEchoed > 0)) {
    isTold = true;
    process.stdout.write("flowing\n");
  }
  await sleep(1);
}
const end = performance.now() + LAST_ANSWER_MS;
while (targets.some((target) => !target.isAnswered) && performance.now() < end) await sleep(5);
process.stdout.write(`${JSON.stringify(targets.map((target) => target.result()))}\n`);
process.exit(0);
