/** What every BgpTransport must do; run on the kernel's TCP and on the double. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { IpAddress } from "../ip/address.ts";
import { ipv4Of, parseAddress } from "../ip/address.ts";
import type { BgpStream, BgpTransport, DialOptions, TransportFailure } from "../port/bgp-transport.ts";
import { KernelError } from "../port/netlink.ts";

/** Two hosts with addresses of both families that reach each other over some hops. */
export interface TransportGround {
  readonly left: Side;
  readonly right: Side;
  /** From now on nothing arrives on either side, or everything again. */
  silence(isSilent: boolean): void;
  /** Lets time pass until it holds; throws after a long while. */
  until(what: string, holds: () => boolean): Promise<void>;
}

export interface Side {
  readonly transport: BgpTransport;
  readonly ipv4: IpAddress;
  readonly ipv6: IpAddress;
}

/** One end as a test sees it. */
class Watched {
  readonly stream: BgpStream;
  readonly chunks: Uint8Array[] = [];
  octets = 0;
  drains = 0;
  ending: TransportFailure | undefined;

  constructor(stream: BgpStream) {
    this.stream = stream;
    stream.start({
      data: (octets) => {
        this.chunks.push(octets);
        this.octets += octets.length;
      },
      drained: () => {
        this.drains++;
      },
      closed: (failure) => {
        this.ending = failure;
      },
    });
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }
}

type Outcome = { readonly stream: BgpStream } | { readonly failure: TransportFailure };

const UNUSED_PORT = 9;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export function bgpTransportContract(name: string, groundFor: (t: TestContext, hops: number) => TransportGround): void {
  /** Dials from the left and gives what became of it. */
  async function dialled(ground: TransportGround, options: Partial<DialOptions>): Promise<Outcome> {
    const outcomes: Outcome[] = [];
    ground.left.transport.dial(
      { address: ground.right.ipv4, port: UNUSED_PORT, timeoutSeconds: 20, ...options },
      (stream) => outcomes.push({ stream }),
      (failure) => outcomes.push({ failure }),
    );
    await ground.until("an outcome of the dial", () => outcomes.length > 0);
    assert.equal(outcomes.length, 1);
    return outcomes[0]!;
  }

  async function failureOf(ground: TransportGround, options: Partial<DialOptions>): Promise<TransportFailure> {
    const outcome = await dialled(ground, options);
    assert.ok("failure" in outcome, "it must not connect");
    return outcome.failure;
  }

  interface Joined {
    readonly dialler: Watched;
    readonly taker: Watched;
    readonly port: number;
  }

  async function joined(t: TestContext, ground: TransportGround, options: Partial<DialOptions> = {}): Promise<Joined> {
    const taken: BgpStream[] = [];
    const listener = ground.right.transport.listen({ family: 4, port: 0 }, (stream) => taken.push(stream));
    t.after(() => listener.close());
    if (options.key !== undefined) listener.setKey(ground.left.ipv4, options.key);
    const outcome = await dialled(ground, { port: listener.port, ...options });
    assert.ok("stream" in outcome, JSON.stringify(outcome));
    await ground.until("the connection on the other side", () => taken.length > 0);
    taken[0]!.protect(options);
    const dialler = new Watched(outcome.stream);
    const taker = new Watched(taken[0]!);
    t.after(() => {
      dialler.stream.end();
      taker.stream.end();
    });
    return { dialler, taker, port: listener.port };
  }

  test(`${name}: octets go both ways, and each end knows the other`, async (t) => {
    const ground = groundFor(t, 1);
    const { dialler, taker, port } = await joined(t, ground, { localAddress: ground.left.ipv4 });
    dialler.stream.write(text("open"));
    taker.stream.write(text("keep"));
    taker.stream.write(text("alive"));
    await ground.until("both to have read", () => taker.text === "open" && dialler.text === "keepalive");
    assert.deepEqual(dialler.stream.remote, { address: ground.right.ipv4, port });
    assert.deepEqual(taker.stream.remote, dialler.stream.local);
    assert.equal(taker.stream.remote.address, ground.left.ipv4);
  });

  test(`${name}: what was written is acknowledged by the other host, be it read or not, and not while nothing arrives`, async (t) => {
    const ground = groundFor(t, 1);
    const { dialler, taker } = await joined(t, ground);
    taker.stream.pause();
    dialler.stream.write(text("open"));
    await ground.until("the acknowledgement", () => dialler.stream.isAcknowledged);
    ground.silence(true);
    dialler.stream.write(text("lost"));
    assert.ok(!dialler.stream.isAcknowledged);
    ground.silence(false);
    await ground.until("the acknowledgement after all", () => dialler.stream.isAcknowledged);
    taker.stream.resume();
    await ground.until("all to be read", () => taker.text === "openlost");
    dialler.stream.end();
    await ground.until("the end", () => taker.ending !== undefined && dialler.stream.isAcknowledged);
  });

  test(`${name}: IPv6, on one address`, async (t) => {
    const ground = groundFor(t, 1);
    const taken: BgpStream[] = [];
    const { ipv6 } = ground.right;
    const listener = ground.right.transport.listen({ family: 6, address: ipv6, port: 0 }, (one) => taken.push(one));
    t.after(() => listener.close());
    const outcome = await dialled(ground, { address: ipv6, port: listener.port });
    assert.ok("stream" in outcome);
    assert.equal(outcome.stream.remote.address, ipv6);
    await ground.until("the connection on the other side", () => taken.length > 0);
    for (const stream of [outcome.stream, ...taken]) stream.end();
  });

  test(`${name}: what was written before the end arrives, then the end`, async (t) => {
    const ground = groundFor(t, 1);
    const { dialler, taker } = await joined(t, ground);
    taker.stream.write(text("more that nobody reads"));
    dialler.stream.write(text("notification"));
    dialler.stream.end();
    await ground.until("the end", () => taker.ending !== undefined);
    assert.equal(taker.text, "notification");
    assert.equal(taker.ending?.reason, "closed");
    assert.equal(dialler.ending, undefined);
  });

  test(`${name}: a port that is taken, and an address of another host, are refused by name`, (t) => {
    const ground = groundFor(t, 1);
    const { transport, ipv4 } = ground.right;
    const listener = transport.listen({ family: 4, port: 0 }, () => undefined);
    t.after(() => listener.close());
    const errno = (listen: () => unknown): string => {
      try {
        listen();
      } catch (failure) {
        if (failure instanceof KernelError) return failure.errno;
        throw failure;
      }
      return "none";
    };
    assert.equal(
      errno(() => transport.listen({ family: 4, port: listener.port }, () => undefined)),
      "EADDRINUSE",
    );
    const foreign = { family: 4, address: ground.left.ipv4, port: 0 } as const;
    assert.equal(
      errno(() => transport.listen(foreign, () => undefined)),
      "EADDRNOTAVAIL",
    );
    assert.notEqual(ipv4, ground.left.ipv4);
  });

  test(`${name}: failures are told apart`, async (t) => {
    const ground = groundFor(t, 1);
    assert.equal((await failureOf(ground, {})).reason, "refused");
    assert.equal((await failureOf(ground, { address: parseAddress("203.0.113.9") })).reason, "unreachable");
    const elsewhere = { localAddress: ipv4Of(0xc6336401) };
    const failure = await failureOf(ground, elsewhere);
    assert.equal(failure.reason, "noLocalAddress");
    assert.match(failure.message, /198\.51\.100\.1 is not an address of this host/);
  });

  test(`${name}: a cancelled dial is told nothing`, async (t) => {
    const ground = groundFor(t, 1);
    let told = 0;
    const count = (): void => void told++;
    ground.left.transport
      .dial({ address: ground.right.ipv4, port: UNUSED_PORT, timeoutSeconds: 9 }, count, count)
      .cancel();
    await failureOf(ground, {});
    assert.equal(told, 0);
  });

  test(`${name}: RFC 2385: the same key connects, another, or none, is not answered`, async (t) => {
    const ground = groundFor(t, 1);
    const { dialler, taker, port } = await joined(t, ground, { key: "secret" });
    dialler.stream.write(text("signed"));
    await ground.until("what was signed", () => taker.text === "signed");
    const wrong = await failureOf(ground, { port, key: "other", timeoutSeconds: 0.3 });
    assert.equal(wrong.reason, "timedOut");
    assert.match(wrong.message, /password/);
    assert.equal((await failureOf(ground, { port, timeoutSeconds: 0.3 })).reason, "timedOut");
  });

  test(`${name}: RFC 2385: a key that is taken away again is not demanded`, async (t) => {
    const ground = groundFor(t, 1);
    const taken: BgpStream[] = [];
    const listener = ground.right.transport.listen({ family: 4, port: 0 }, (stream) => taken.push(stream));
    t.after(() => listener.close());
    listener.setKey(ground.left.ipv4, undefined);
    listener.setKey(ground.left.ipv4, "secret");
    assert.equal((await failureOf(ground, { port: listener.port, timeoutSeconds: 0.3 })).reason, "timedOut");
    listener.setKey(ground.left.ipv4, undefined);
    const outcome = await dialled(ground, { port: listener.port });
    assert.ok("stream" in outcome);
    await ground.until("the connection on the other side", () => taken.length > 0);
    for (const stream of [outcome.stream, ...taken]) stream.end();
  });

  test(`${name}: RFC 5082: a peer as near as it should be is heard`, async (t) => {
    const ground = groundFor(t, 1);
    const { dialler, taker } = await joined(t, ground, { ttlSecurityHops: 1 });
    dialler.stream.write(text("near"));
    await ground.until("what the neighbour says", () => taker.text === "near");
  });

  test(`${name}: RFC 5082: one that is farther away is not`, async (t) => {
    const ground = groundFor(t, 2);
    const { port } = await joined(t, ground, { ttlSecurityHops: 2 });
    assert.equal((await failureOf(ground, { port, ttlSecurityHops: 1, timeoutSeconds: 0.3 })).reason, "timedOut");
  });

  test(`${name}: a reader that stops bounds the writer, and loses nothing`, async (t) => {
    const ground = groundFor(t, 1);
    const { dialler, taker } = await joined(t, ground);
    taker.stream.pause();
    const block = new Uint8Array(1 << 16);
    const blocks = 400;
    for (let index = 0; index < blocks; index++) dialler.stream.write(block.map(() => index % 251));
    await ground.until("the rest to wait", () => dialler.stream.pendingOctets > 0);
    assert.ok(taker.octets < blocks * block.length);
    taker.stream.resume();
    await ground.until("everything", () => taker.octets === blocks * block.length);
    await ground.until("the writer to hear of it", () => dialler.stream.pendingOctets === 0 && dialler.drains > 0);
    const all = Buffer.concat(taker.chunks);
    for (let index = 0; index < blocks; index++) assert.equal(all[index * block.length], index % 251);
  });
}
