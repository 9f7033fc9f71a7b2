/** Outer packets that come to a node as if the other had sent them, and what becomes of each at the pod behind it. */
import { call } from "../../../src/adapter/linux/libc.ts";
import { socketAddress } from "../../../src/adapter/linux/socket-address.ts";
import { openTunnelSocket } from "../../../src/adapter/linux/tunnel-socket.ts";
import { type Ipv4, parseAddress } from "../../../src/ip/address.ts";
import type { BedNode, IpipBed } from "../../../src/testing/ipip-bed.ts";
import { ipv4 } from "../../../src/testing/ipv4-packet.ts";
import { Running } from "../../scenario/running.ts";
import { packetsOf } from "./captured.ts";

const DEADLINE_MS = 60_000;
const ECN = [0, 1, 2, 3];
const INNER_DSCP = 0xb8;
const OUTER_DSCP = 0x28;
/** In octets, and a multiple of eight. */
const FIRST_FRAGMENT = 504;
const MORE_FRAGMENTS = 0x2000;
/** No operation, three times, and the end of the list (RFC 791 3.1). */
const OPTIONS = Buffer.of(1, 1, 1, 0);

interface Ends {
  readonly from: BedNode;
  readonly to: BedNode;
}
/** Behind the router, and no node. */
const STRANGER = "10.30.9.9";

interface Arrival {
  readonly name: string;
  readonly innerTos: number;
  /** The outer packets that carry the inner one. */
  around(ends: Ends, inner: Buffer, id: number): readonly Buffer[];
}

/** As if an address that is no node's had sent it. */
const asStranger = ({ from, to }: Ends): Ends => ({ from: { ...from, address: STRANGER }, to });

const header = ({ from, to }: Ends) => ({
  protocol: 4,
  source: parseAddress(from.address),
  destination: parseAddress(to.address),
  fragment: 0,
});

const pieces = (ends: Ends, inner: Buffer, id: number, tos = 0): readonly Buffer[] => [
  ipv4({ ...header(ends), tos, id, fragment: MORE_FRAGMENTS }, inner.subarray(0, FIRST_FRAGMENT)),
  ipv4({ ...header(ends), tos, id, fragment: FIRST_FRAGMENT / 8 }, inner.subarray(FIRST_FRAGMENT)),
];

/** The last has its fragments as others have, and so comes behind them. */
const arrivals: readonly Arrival[] = [
  ...ECN.flatMap((within) =>
    ECN.map((around) => ({
      name: `ECN ${within} in ${around}`,
      innerTos: INNER_DSCP | within,
      around: (ends: Ends, inner: Buffer, id: number) => [
        ipv4({ ...header(ends), tos: OUTER_DSCP | around, id }, inner),
      ],
    })),
  ),
  {
    name: "options",
    innerTos: 0,
    around: (ends, inner, id) => [ipv4({ ...header(ends), version: 0x46, id }, Buffer.concat([OPTIONS, inner]))],
  },
  { name: "no packet", innerTos: 0, around: (ends, _inner, id) => [ipv4({ ...header(ends), id }, Buffer.alloc(8))] },
  { name: "fragments", innerTos: 0x02, around: (ends, inner, id) => pieces(ends, inner, id) },
  { name: "congested fragments", innerTos: 0x02, around: (ends, inner, id) => pieces(ends, inner, id, 0x03) },
  {
    name: "fragments the wrong way round",
    innerTos: 0,
    around: (ends, inner, id) => pieces(ends, inner, id).toReversed(),
  },
  { name: "a fragment alone", innerTos: 0, around: (ends, inner, id) => pieces(ends, inner, id).slice(0, 1) },
  {
    name: "a stranger's",
    innerTos: 0,
    around: (ends, inner, id) => [ipv4({ ...header(asStranger(ends)), id }, inner)],
  },
  {
    name: "a stranger's fragments",
    innerTos: 0,
    around: (ends, inner, id) => pieces(asStranger(ends), inner, id),
  },
  { name: "the last", innerTos: 0, around: (ends, inner, id) => pieces(ends, inner, id) },
];

const FIRST_PORT = 40_000;
const LAST_PORT = FIRST_PORT + arrivals.length - 1;

/** UDP without a checksum, of a size that fragments are made of. */
function innerOf({ from, to }: Ends, tos: number, port: number): Buffer {
  const datagram = Buffer.alloc(1_000, "ocicat");
  datagram.writeUInt16BE(9, 0);
  datagram.writeUInt16BE(port, 2);
  datagram.writeUInt16BE(datagram.length, 4);
  datagram.writeUInt16BE(0, 6);
  const [source, destination] = [parseAddress(from.podAddress), parseAddress(to.podAddress)];
  return ipv4({ tos, ttl: 9, source, destination }, datagram);
}

/** By name, what the pod is given: the packet's header without its checksum, and its length; "" where nothing comes. */
export async function whatArrives(bed: IpipBed, to: BedNode): Promise<Record<string, string>> {
  const args = ["-Z", "root", "-nn", "-x", "-l", "--immediate-mode", "-i", "eth0", "udp"];
  const ends = { from: bed.other(to), to };
  const tcpdump = to.pod.net.run(() => Running.start("tcpdump", args, process.env));
  const socket = bed.router.net.run(() => openTunnelSocket(parseAddress(ends.from.address) as Ipv4));
  try {
    await tcpdump.says(/listening on/, DEADLINE_MS);
    const address = socketAddress(parseAddress(to.address), 0);
    for (const [index, { innerTos, around }] of arrivals.entries()) {
      for (const packet of around(ends, innerOf(ends, innerTos, FIRST_PORT + index), index + 1)) {
        call("sendto", [socket, packet, packet.length, 0, address, address.length], "outer packet");
      }
    }
    await tcpdump.says(new RegExp(`\\.${LAST_PORT}: UDP`), DEADLINE_MS);
  } finally {
    call("close", [socket]);
    await tcpdump.end("SIGINT");
  }
  const seen = new Map(
    packetsOf(tcpdump.stdout).map((packet) => [
      packet.readUInt16BE(22),
      `${packet.toString("hex", 0, 10)} ${packet.toString("hex", 12, 20)} ${packet.length}`,
    ]),
  );
  return Object.fromEntries(arrivals.map(({ name }, index) => [name, seen.get(FIRST_PORT + index) ?? ""]));
}
