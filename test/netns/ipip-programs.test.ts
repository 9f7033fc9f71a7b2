/** The two IP-in-IP programs under the kernel's verifier, and what they make of packets, octet for octet. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { LinuxBpf } from "../../src/adapter/linux/bpf.ts";
import { Assembler } from "../../src/bpf/assembler.ts";
import { decapsulation } from "../../src/bpf/ipip-decapsulate.ts";
import { encapsulation } from "../../src/bpf/ipip-encapsulate.ts";
import { tunnelMac } from "../../src/bpf/ipip-frame.ts";
import { addressOctets, ipv4Of, tryParseIpv4 } from "../../src/ip/address.ts";
import { internetChecksum } from "../../src/ip/checksum.ts";
import { KernelError } from "../../src/port/netlink.ts";
import { type Run, runProgram, whyNoBpf } from "../../src/testing/bpf-run.ts";
import { ECN_IN, ECN_OUT } from "../../src/testing/ecn-tables.ts";
import { type Header, ipv4 } from "../../src/testing/ipv4-packet.ts";

const skip = whyNoBpf() ?? false;
const bpf = new LinuxBpf();
const address = (text: string) => tryParseIpv4(text) ?? ipv4Of(0);

const SENDER = address("10.30.0.136");
const RECEIVER = address("10.30.1.66");
const STRANGER = address("10.30.1.99");
const Verdict = { next: -1, drop: 2, redirect: 7 } as const;
const macOctets = (node: typeof SENDER): Buffer => Buffer.from(tunnelMac(node).replaceAll(":", ""), "hex");

const frame = (to: Buffer, from: Buffer, packet: Buffer, type = "0800"): Buffer =>
  Buffer.concat([to, from, Buffer.from(type, "hex"), packet]);

/** As the kernel sends it on the tunnel's device: to the next hop. */
const onTunnel = (packet: Buffer, nextHop = RECEIVER): Buffer => frame(macOctets(nextHop), macOctets(SENDER), packet);
const NIC = Buffer.from("0aff00000042", "hex");
const ROUTER = Buffer.from("0aff00000001", "hex");
const outer = (inner: Buffer, header: Header = {}): Buffer =>
  frame(NIC, ROUTER, ipv4({ protocol: 4, source: SENDER, destination: RECEIVER, ...header }, inner));

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex");
const verdictOf = ({ verdict }: Run): number => verdict;

const PATH_MTUS = { name: "ocicat_mtus", keyOctets: 4, valueOctets: 4, entries: 8 } as const;
const inHostOrder = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

function sender(t: TestContext, pathMtu?: number): (packet: Buffer, segment?: number) => Run {
  const pathMtus = bpf.createMap(PATH_MTUS);
  if (pathMtu !== undefined) pathMtus.set(addressOctets(RECEIVER), inHostOrder(pathMtu));
  const program = bpf.loadProgram(
    "ocicat_encap",
    encapsulation({ local: SENDER, subnetLength: 24, parent: 1, tunnel: 1, pathMtus: pathMtus.fd }),
  );
  t.after(() => {
    program.close();
    pathMtus.close();
  });
  return (packet, segment) => runProgram(program, packet, segment);
}

/** The program at the NIC, and what it has learned of the sender's path. */
function receiver(t: TestContext): ((packet: Buffer) => Run) & { pathMtu(): number | undefined } {
  const pathMtus = bpf.createMap(PATH_MTUS);
  const sources = bpf.createMap({ name: "ocicat_sources", keyOctets: 4, valueOctets: 1, entries: 8 });
  sources.set(addressOctets(SENDER), Uint8Array.of(1));
  const program = bpf.loadProgram(
    "ocicat_decap",
    decapsulation({ local: RECEIVER, tunnel: 1, sources: sources.fd, pathMtus: pathMtus.fd }),
  );
  t.after(() => {
    for (const object of [program, sources, pathMtus]) object.close();
  });
  const pathMtu = () => {
    const value = pathMtus.get(addressOctets(SENDER));
    return value && Buffer.from(value).readUInt32LE();
  };
  return Object.assign((packet: Buffer) => runProgram(program, packet), { pathMtu });
}

test("an outer header of 20 octets is put around a packet, octet for octet", { skip }, (t) => {
  const inner = ipv4({ ttl: 63, tos: 0xb8 }, Buffer.from("abcdefgh"));
  const { verdict, packet } = sender(t)(onTunnel(inner));
  assert.equal(verdict, Verdict.redirect);
  const header = { protocol: 4, source: SENDER, destination: RECEIVER, ttl: 63, tos: 0, id: 0, fragment: 0x4000 };
  assert.equal(hex(packet), hex(onTunnel(ipv4(header, inner))));
});

test("DF is the inner one's; without it the identification is one of many", { skip }, (t) => {
  const encapsulate = sender(t);
  const inner = ipv4({ fragment: 0 }, Buffer.alloc(8));
  const headers = Array.from({ length: 8 }, () => Buffer.from(encapsulate(onTunnel(inner)).packet.subarray(14, 34)));
  for (const header of headers) {
    assert.equal(header.readUInt16BE(6), 0);
    assert.equal(internetChecksum(header), 0);
  }
  assert.ok(new Set(headers.map((header) => header.readUInt16BE(4))).size > 1);
});

test("a fragment of an inner packet is carried whole, as any packet", { skip }, (t) => {
  const inner = ipv4({ fragment: 0x2003 }, Buffer.alloc(8));
  const { packet } = sender(t)(onTunnel(inner));
  assert.equal(Buffer.from(packet).readUInt16BE(20), 0);
  assert.equal(hex(packet.subarray(34)), hex(inner));
});

test("the outer ECN field is the inner one, and ECT(0) for CE; DSCP is 0", { skip }, (t) => {
  const encapsulate = sender(t);
  for (const [ecn, expected] of ECN_OUT.entries()) {
    const { packet } = encapsulate(onTunnel(ipv4({ tos: 0x28 | ecn }, Buffer.alloc(8))));
    assert.equal(packet[15], expected, `inner ${ecn}`);
  }
});

test("what is no IPv4, or goes to no node, does not leave", { skip }, (t) => {
  const encapsulate = sender(t);
  const inner = ipv4({}, Buffer.alloc(8));
  const dropped = {
    ARP: frame(Buffer.alloc(6, 0xff), macOctets(SENDER), Buffer.alloc(28), "0806"),
    IPv6: frame(macOctets(RECEIVER), macOctets(SENDER), Buffer.alloc(40, 0x60), "86dd"),
    broadcast: frame(Buffer.alloc(6, 0xff), macOctets(SENDER), inner),
    "another's address": frame(NIC, macOctets(SENDER), inner),
    "not what it says": onTunnel(ipv4({ version: 0x65 }, Buffer.alloc(8))),
  };
  for (const [name, packet] of Object.entries(dropped)) {
    assert.equal(verdictOf(encapsulate(packet)), Verdict.drop, name);
  }
});

test("the receiver takes off what the sender put on, and says from which node it came", { skip }, (t) => {
  const inner = ipv4({ ttl: 63, tos: 0xb8 }, Buffer.from("abcdefgh"));
  const carried = sender(t)(onTunnel(inner)).packet;
  const { verdict, packet } = receiver(t)(Buffer.concat([NIC, ROUTER, carried.subarray(12)]));
  assert.equal(verdict, Verdict.redirect);
  assert.equal(hex(packet), hex(frame(macOctets(RECEIVER), macOctets(SENDER), inner)));
});

test("ECN of the two headers is joined as RFC 6040 says, and the checksum stays right", { skip }, (t) => {
  const decapsulate = receiver(t);
  for (const [inner, row] of ECN_IN.entries()) {
    for (const [carrier, expected] of row.entries()) {
      const packet = ipv4({ tos: 0xb8 | inner }, Buffer.from("abcdefgh"));
      const run = decapsulate(outer(packet, { tos: 0x20 | carrier }));
      const name = `inner ${inner}, outer ${carrier}`;
      if (expected === "drop") assert.equal(run.verdict, Verdict.drop, name);
      else {
        assert.equal(run.verdict, Verdict.redirect, name);
        assert.equal(hex(run.packet.subarray(14)), hex(ipv4({ tos: 0xb8 | expected }, Buffer.from("abcdefgh"))), name);
      }
    }
  }
});

test("from an unknown source, or out of shape, nothing comes in; what is not for us goes on", { skip }, (t) => {
  const decapsulate = receiver(t);
  const inner = ipv4({}, Buffer.alloc(8));
  const broken = outer(inner);
  broken.writeUInt16BE(broken.readUInt16BE(24) ^ 1, 24);
  const dropped = {
    "unknown source": outer(inner, { source: STRANGER }),
    "a stranger's fragment": outer(inner, { source: STRANGER, fragment: 0x2000 }),
    "a stranger's options": outer(inner, { source: STRANGER, version: 0x46 }),
    "wrong checksum": broken,
    "IPv6 inside": outer(Buffer.alloc(40, 0x60)),
    "nothing inside": outer(Buffer.alloc(0)),
  };
  for (const [name, packet] of Object.entries(dropped)) {
    assert.equal(verdictOf(decapsulate(packet)), Verdict.drop, name);
  }
  const passed = {
    "a first fragment, which the stack joins": outer(inner, { fragment: 0x2000 }),
    options: outer(inner, { version: 0x46 }),
    "a later fragment": outer(Buffer.alloc(8), { fragment: 0x0010 }),
    UDP: frame(NIC, ROUTER, ipv4({ source: SENDER, destination: RECEIVER }, Buffer.alloc(8))),
    "IP-in-IP for others": outer(inner, { destination: STRANGER }),
    ARP: frame(NIC, ROUTER, Buffer.alloc(28), "0806"),
  };
  for (const [name, packet] of Object.entries(passed)) {
    assert.equal(verdictOf(decapsulate(packet)), Verdict.next, name);
    assert.equal(hex(decapsulate(packet).packet), hex(packet), name);
  }
});

/** What a router sends that cannot carry an outer packet of the receiver's, which `quoted` changes. */
const tooBig = (mtu: number, quoted: Header = {}, icmp = "0304"): Buffer => {
  const header = Buffer.from(`${icmp}00000000${mtu.toString(16).padStart(4, "0")}`, "hex");
  const back = ipv4({ protocol: 4, source: RECEIVER, destination: SENDER, ...quoted }, Buffer.alloc(8));
  const message = Buffer.concat([header, back]);
  message.writeUInt16BE(internetChecksum(message), 2);
  return frame(NIC, ROUTER, ipv4({ protocol: 1, source: STRANGER, destination: RECEIVER }, message));
};

test("the path MTU of a known node is learned, the least of what is told, and all ICMP goes on", { skip }, (t) => {
  const decapsulate = receiver(t);
  const unlearned = {
    "another's destination": tooBig(1300, { destination: STRANGER }),
    "another's source": tooBig(1300, { source: STRANGER }),
    "another protocol": tooBig(1300, { protocol: 17 }),
    "another message": tooBig(1300, {}, "0301"),
    "another type": tooBig(1300, {}, "0b04"),
  };
  for (const [name, packet] of Object.entries(unlearned)) {
    assert.equal(decapsulate(packet).verdict, Verdict.next, name);
    assert.equal(decapsulate.pathMtu(), undefined, name);
  }
  for (const [told, known] of [
    [1400, 1400],
    [1300, 1300],
    [1350, 1300],
    [1300, 1300],
    [68, 552],
    [0, 552],
  ] as const) {
    const packet = tooBig(told);
    const run = decapsulate(packet);
    assert.equal(run.verdict, Verdict.next);
    assert.equal(hex(run.packet), hex(packet));
    assert.equal(decapsulate.pathMtu(), known, `${told}`);
  }
});

test("with DF a packet that the path cannot carry becomes an answer to its sender; without it goes on", {
  skip,
}, (t) => {
  const encapsulate = sender(t, 1300);
  const payload = (length: number) => Buffer.from(Array.from({ length }, (_, index) => index));
  const packetOf = (length: number, header: Header = {}) => ipv4({ protocol: 200, ...header }, payload(length - 20));
  for (const [name, packet] of Object.entries({
    "as long as the path allows": packetOf(1280),
    "longer without DF": packetOf(1400, { fragment: 0 }),
  })) {
    const run = encapsulate(onTunnel(packet));
    assert.equal(run.verdict, Verdict.redirect, name);
    assert.equal(hex(run.packet.subarray(34)), hex(packet), name);
  }
  assert.equal(encapsulate(onTunnel(packetOf(1400), STRANGER)).packet.length, 14 + 20 + 1400, "by another path");
  const packet = packetOf(1281);
  const run = encapsulate(onTunnel(packet));
  assert.equal(run.verdict, Verdict.redirect);
  const message = Buffer.concat([Buffer.from("0304000000000500", "hex"), packet.subarray(0, 528)]);
  message.writeUInt16BE(internetChecksum(message), 2);
  const answer = ipv4(
    {
      tos: 0xc0,
      protocol: 1,
      source: address("192.168.97.193"),
      destination: address("192.168.226.65"),
    },
    message,
  );
  assert.equal(hex(run.packet), hex(frame(macOctets(SENDER), macOctets(RECEIVER), answer)));
});

test("the answer's checksum is right with the packet's as it was and once a device has put it in", { skip }, (t) => {
  const encapsulate = sender(t, 1300);
  for (const [protocol, at] of [
    [6, 16],
    [17, 6],
  ] as const) {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1261, maxLength: 1400 }), (payload) => {
        const { packet } = encapsulate(onTunnel(ipv4({ protocol }, payload)));
        const message = Buffer.from(packet.subarray(34));
        assert.equal(internetChecksum(message), 0);
        // As skb_checksum_help: over all from the transport header on, with what the field holds in the sum.
        const transport = message.subarray(28);
        transport.writeUInt16BE(internetChecksum(transport), at);
        assert.equal(internetChecksum(message), 0);
      }),
      { numRuns: 100 },
    );
  }
});

test("of a packet that will be cut its segments count", { skip }, (t) => {
  const encapsulate = sender(t, 1300);
  const segments = (protocol: number) => {
    const payload = Buffer.alloc(3000);
    payload.writeUInt8(0x80, 12);
    return onTunnel(ipv4({ protocol }, payload));
  };
  const isAnswer = ({ packet }: Run): boolean => packet.length === 14 + 556;
  // 20 octets of IPv4 and 32 of TCP, or 8 of UDP.
  for (const [protocol, most] of [
    [6, 1228],
    [17, 1252],
  ] as const) {
    assert.equal(isAnswer(encapsulate(segments(protocol), most)), false);
    assert.equal(isAnswer(encapsulate(segments(protocol), most + 1)), true);
  }
});

test("neither an error nor a later fragment is answered", { skip }, (t) => {
  const encapsulate = sender(t, 1300);
  const icmp = (type: number) => onTunnel(ipv4({ protocol: 1 }, Buffer.concat([Buffer.of(type), Buffer.alloc(1400)])));
  for (const type of [3, 4, 5, 11, 12]) assert.equal(encapsulate(icmp(type)).verdict, Verdict.drop, `${type}`);
  assert.equal(encapsulate(icmp(8)).verdict, Verdict.redirect);
  assert.equal(encapsulate(onTunnel(ipv4({ fragment: 0x4010 }, Buffer.alloc(1400)))).verdict, Verdict.drop);
});

test("any IPv4 packet comes out as it went in, but for ECN", { skip }, (t) => {
  const encapsulate = sender(t);
  const decapsulate = receiver(t);
  const header = fc.record({
    tos: fc.integer({ min: 0, max: 255 }),
    id: fc.integer({ min: 0, max: 0xffff }),
    fragment: fc.constantFrom(0, 0x4000, 0x2000, 0x0007),
    ttl: fc.integer({ min: 1, max: 255 }),
    protocol: fc.integer({ min: 0, max: 255 }),
  });
  fc.assert(
    fc.property(header, fc.uint8Array({ maxLength: 1400 }), (fields, payload) => {
      const inner = ipv4(fields, payload);
      const { packet } = encapsulate(onTunnel(inner));
      assert.equal(internetChecksum(packet.subarray(14, 34)), 0);
      const back = decapsulate(Buffer.concat([NIC, ROUTER, packet.subarray(12)]));
      assert.equal(hex(back.packet.subarray(14)), hex(inner));
    }),
    { numRuns: 200 },
  );
});

test("what the verifier says of a program that it refuses is in the error", { skip }, () => {
  const program = new Assembler().load(4, "r2", "r1", 4096).exit(0).assemble();
  assert.throws(
    () => bpf.loadProgram("bad", program),
    (error) =>
      error instanceof KernelError && error.errno === "EACCES" && /invalid bpf_context access/.test(error.message),
  );
});

test("a map is found again by the program that uses it, and holds what it held", { skip }, () => {
  const sources = bpf.createMap({ name: "ocicat_sources", keyOctets: 4, valueOctets: 1, entries: 2 });
  const pathMtus = bpf.createMap(PATH_MTUS);
  const program = bpf.loadProgram(
    "ocicat_decap",
    decapsulation({ local: RECEIVER, tunnel: 1, sources: sources.fd, pathMtus: pathMtus.fd }),
  );
  pathMtus.close();
  sources.set(addressOctets(SENDER), Uint8Array.of(1));
  sources.close();
  const again = bpf.openProgram(program.id);
  const [id = 0] = again?.mapIds ?? [];
  const found = bpf.openMap(id);
  assert.ok(again && found);
  assert.deepEqual([...found.keys()].map(hex), [hex(addressOctets(SENDER))]);
  found.set(addressOctets(RECEIVER), Uint8Array.of(1));
  assert.deepEqual(found.get(addressOctets(RECEIVER)), Uint8Array.of(1));
  assert.equal(found.get(addressOctets(STRANGER)), undefined);
  assert.throws(() => found.set(addressOctets(STRANGER), Uint8Array.of(1)), /E2BIG.*2 entries/);
  assert.equal(found.delete(addressOctets(SENDER)), true);
  assert.equal(found.delete(addressOctets(SENDER)), false);
  for (const object of [again, found, program]) object.close();
  assert.equal(bpf.openMap(0xffffff), undefined);
  assert.equal(bpf.openProgram(0xffffff), undefined);
});

test("a program is loaded though signals end the verifier's work again and again", { skip }, async (t) => {
  const pathMtus = bpf.createMap(PATH_MTUS);
  t.after(() => pathMtus.close());
  const instructions = encapsulation({ local: SENDER, subnetLength: 24, parent: 1, tunnel: 1, pathMtus: pathMtus.fd });
  const taken = (): void => undefined;
  process.on("SIGWINCH", taken);
  t.after(() => process.off("SIGWINCH", taken));
  // Every other load takes about as long as the time between two of them.
  const script = `setInterval(() => process.kill(${process.pid}, "SIGWINCH"), 2)`;
  const child = spawn(process.execPath, ["-e", script], { stdio: "ignore" });
  t.after(() => child.kill("SIGKILL"));
  await once(process, "SIGWINCH");
  for (let load = 0; load < 300; load++) {
    bpf.loadProgram("ocicat_encap", instructions).close();
    await setImmediate();
  }
});
