import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseFilter } from "./filter.ts";
import { encapsulationOf, readFrame, readIp } from "./packet.ts";
import { pcapHeader, pcapPacket } from "./pcap.ts";
import { printFrame } from "./print.ts";

const octets = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));

const ETHERNET = "02b309d823f4 525400000001 0800";
/** 192.168.226.65 > 192.168.133.194, echo request id 7 seq 1, DF. */
const ECHO = "4500001c 00014000 3f010000 c0a8e241 c0a885c2 0800 0000 0007 0001";
const bare = octets(ETHERNET + ECHO);
const ipip = octets(`${ETHERNET} 45000030 00010000 40040000 0a1e00ce 0a1e0038 ${ECHO}`);
/** UDP 45000 > 4789, VNI 4096. */
const vxlan = octets(
  `${ETHERNET} 4500004e 00010000 40110000 0a1e00ce 0a1e0038 afc8 12b5 003a 0000 08000000 00100000 66aa992fdc24 66a5ccc18697 0800 ${ECHO}`,
);
const arp = octets("ffffffffffff 525400000001 0806 0001 0800 0604 0001 525400000001 0a1e00ce 000000000000 0a1e0038");
const tcp = octets(
  `${ETHERNET} 45000028 00014000 40060000 0a1e00ce 0a1e0038 a000 0050 00000001 00000002 5012 ffff 0000 0000`,
);

const layer = (frame: Uint8Array) => readFrame(frame)!.payload;

test("a frame is printed in one line, tunnels with what they carry", () => {
  const inner = "192.168.226.65 > 192.168.133.194 ICMP echo request id 7 seq 1 (ttl 63, DF, 28 octets)";
  assert.equal(printFrame(readFrame(bare)!), inner);
  assert.equal(printFrame(readFrame(ipip)!), `10.30.0.206 > 10.30.0.56 IPIP (ttl 64, 48 octets) | ${inner}`);
  assert.equal(
    printFrame(readFrame(vxlan)!),
    `10.30.0.206:45000 > 10.30.0.56:4789 VXLAN 4096 (ttl 64, 78 octets) | ${inner}`,
  );
  assert.equal(printFrame(readFrame(arp)!), "ARP who has 10.30.0.56, tell 10.30.0.206");
  assert.equal(
    printFrame(readFrame(tcp)!),
    "10.30.0.206:40960 > 10.30.0.56:80 TCP [S.] 0 octets of data (ttl 64, DF, 40 octets)",
  );
});

test("the encapsulation of a packet is known by its outer header", () => {
  const kinds = [bare, ipip, vxlan, tcp].map((frame) => encapsulationOf(layer(frame))?.encapsulation);
  assert.deepEqual(kinds, ["bare", "ipip", "vxlan", "bare"]);
  assert.equal(encapsulationOf(layer(arp)), undefined);
});

test("filters look at the packet on the wire, and with `inner` at what a tunnel carries", () => {
  const cases: readonly [string, readonly boolean[]][] = [
    ["", [true, true, true, true, true]],
    ["icmp", [true, false, false, false, false]],
    ["inner icmp", [false, true, true, false, false]],
    ["udp port 4789", [false, false, true, false, false]],
    ["vxlan or ipip", [false, true, true, false, false]],
    ["host 10.30.0.56", [false, true, true, true, true]],
    ["host 10.30.0.56 and not arp", [false, true, true, false, true]],
    ["src 192.168.226.65 and dst 192.168.133.194", [true, false, false, false, false]],
    ["inner (icmp and dst 192.168.133.194)", [false, true, true, false, false]],
    ["net 192.168.0.0/16", [true, false, false, false, false]],
    ["proto 4", [false, true, false, false, false]],
    ["not (icmp or arp) and tcp port 80", [false, false, false, false, true]],
    ["icmp or arp and host 1.2.3.4", [true, false, false, false, false]],
  ];
  for (const [text, expected] of cases) {
    const filter = parseFilter(text);
    assert.deepEqual(
      [bare, ipip, vxlan, arp, tcp].map((frame) => filter(layer(frame))),
      expected,
      text,
    );
  }
});

test("a filter that is wrong is refused with the word that is", () => {
  const cases: readonly [string, RegExp][] = [
    ["icmp foo", /word 2: 'foo' is no word/],
    ["host", /word 2: an address is missing at the end/],
    ["host 10.0.0.300", /word 2: '10.0.0.300' is not an address/],
    ["port 70000", /word 2: '70000' is not a port/],
    ["(icmp", /'\)' is missing/],
    ["icmp )", /word 2: '\)' stands where nothing should/],
    ["net 10.0.0.1/8", /zero host bits/],
  ];
  for (const [text, message] of cases) assert.throws(() => parseFilter(text), { code: "badFilter", message }, text);
});

test("any octets are read without a fault, and any words give a filter or our own error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(bare, ipip, vxlan, tcp, arp), (tail, head) => {
      for (const frame of [tail, Uint8Array.from([...head.subarray(0, 34 + (tail.length % 40)), ...tail])]) {
        const read = readFrame(frame);
        if (read) printFrame(read);
        readIp(frame);
      }
    }),
  );
  const words = ["icmp", "and", "or", "not", "(", ")", "host", "10.0.0.1", "port", "80", "inner", "net", "10.0.0.0/8"];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words), { maxLength: 8 }), (some) => {
      try {
        parseFilter(some.join(" "))(layer(vxlan));
      } catch (failure) {
        assert.equal((failure as { code?: string }).code, "badFilter");
      }
    }),
  );
});

test("a capture file has the blocks of pcapng, each of a length that its end repeats", () => {
  const file = Buffer.concat([
    pcapHeader({ name: "ens5", hasEthernetHeader: true, snapOctets: 0 }),
    pcapPacket({ octets: bare, length: bare.length, timeMicros: 0x1_0000_0002n }),
  ]);
  const blocks: [type: number, length: number][] = [];
  for (let at = 0; at < file.length; ) {
    const length = file.readUInt32LE(at + 4);
    assert.equal(length % 4, 0);
    assert.equal(file.readUInt32LE(at + length - 4), length);
    blocks.push([file.readUInt32LE(at), length]);
    at += length;
  }
  assert.deepEqual(
    blocks.map(([type]) => type),
    [0x0a0d0d0a, 1, 6],
  );
});
