/** `lab capture`: frames of a host, pod or router, filtered, as lines or as a pcapng file, until the reader goes. */
import { CodedError } from "../../base/errors.ts";
import { links } from "../../kernel/rtnetlink-dumps.ts";
import type { Clock, WallClock } from "../../port/clock.ts";
import type { NetNamespace } from "../../port/namespaces.ts";
import type { Frame, PacketTaps } from "../../port/packet-tap.ts";
import type { Lab } from "../lab.ts";
import { withRtnetlink, withRtnetlinkWhile } from "../underlay/apply.ts";
import { type PacketFilter, parseFilter } from "./filter.ts";
import { hasEthernetHeader, readFrame, readIp } from "./packet.ts";
import { pcapHeader, pcapPacket } from "./pcap.ts";
import { printFrame, printIp } from "./print.ts";

export class CaptureError extends CodedError<"noDevice" | "noCapturePlace", { place: string }> {}

export interface CaptureRequest {
  /** `HOST`, `POD`, `ROUTER` or `internet`, and `/DEVICE` where one device is meant. */
  readonly place: string;
  readonly filter: string;
  readonly format: "lines" | "pcapng";
  /** Packets after which it ends; left out: only when the reader goes. */
  readonly count?: number;
}

export interface CaptureSink {
  /** False when the reader does not keep up. */
  write(chunk: string | Uint8Array): boolean;
  /** The reader has everything. */
  end(): void;
  onGone(done: () => void): void;
}

export interface CaptureDeps {
  readonly taps: PacketTaps;
  readonly clock: Clock;
  readonly wallClock: WallClock;
}

const OUTSIDE = "internet";

/** Resolves when it has begun. Rejects with CaptureError, FilterError, KernelError. */
export async function startCapture(
  lab: Lab,
  request: CaptureRequest,
  sink: CaptureSink,
  deps: CaptureDeps,
): Promise<void> {
  const filter = parseFilter(request.filter);
  const { net, device } = placeOf(lab, request.place);
  const ifIndex = device === undefined ? undefined : await deviceIndex(net, device, request.place, deps.clock);
  const names = new DeviceNames(net, deps.clock);
  const write = request.format === "pcapng" ? fileWriter(request.place, sink, deps) : lineWriter(names, sink, deps);
  let left = request.count ?? Number.POSITIVE_INFINITY;
  const tap = deps.taps.open(net, ifIndex === undefined ? {} : { ifIndex }, (frame) => {
    if (left === 0 || !passes(frame, filter)) return;
    write(frame);
    if (--left === 0) sink.end();
  });
  sink.onGone(() => tap.close());
}

function placeOf(lab: Lab, text: string): { net: NetNamespace; device: string | undefined } {
  const whole = netOf(lab, text);
  if (whole) return { net: whole, device: undefined };
  const slash = text.lastIndexOf("/");
  const net = slash > 0 ? netOf(lab, text.slice(0, slash)) : undefined;
  if (net) return { net, device: text.slice(slash + 1) };
  const known = [...lab.hosts.keys(), ...lab.underlay.routers.keys(), OUTSIDE].join(", ");
  throw new CaptureError("noCapturePlace", `no host, pod or router '${text}' (there is: ${known}, and the pods)`, {
    place: text,
  });
}

const netOf = (lab: Lab, name: string): NetNamespace | undefined =>
  lab.hosts.get(name)?.place.net ??
  lab.pods.find(name)?.place.net ??
  lab.underlay.routers.get(name) ??
  (name === OUTSIDE ? lab.underlay.outside : undefined);

const deviceIndex = (net: NetNamespace, device: string, place: string, clock: Clock): Promise<number> =>
  withRtnetlinkWhile(net, clock, async (rtnetlink) => {
    const link = rtnetlink.link(device);
    if (link) return link.index;
    const names = await rtnetlink.dump(links(), ({ name }) => name);
    throw new CaptureError("noDevice", `${place}: no device '${device}' (there is: ${names.join(", ")})`, { place });
  });

function passes(frame: Frame, filter: PacketFilter): boolean {
  const layer = hasEthernetHeader(frame.linkType) ? readFrame(frame.octets)?.payload : readIp(frame.octets);
  return layer !== undefined && filter(layer);
}

function lineWriter(names: DeviceNames, sink: CaptureSink, { wallClock }: CaptureDeps): (frame: Frame) => void {
  let missed = 0;
  return (frame) => {
    const time = wallClock.now().toISOString().slice(11, 23);
    const text = hasEthernetHeader(frame.linkType) ? printEthernet(frame) : printBare(frame);
    const gap = missed === 0 ? "" : `${missed} packets are not shown: the reader is too slow\n`;
    const isWritten = sink.write(
      `${gap}${time} ${names.of(frame.ifIndex)} ${frame.outgoing ? "out" : "in "} ${text}\n`,
    );
    missed = isWritten ? 0 : missed + 1;
  };
}

function printEthernet(frame: Frame): string {
  const read = readFrame(frame.octets);
  return read ? printFrame(read) : `${frame.length} octets`;
}

function printBare(frame: Frame): string {
  const read = readIp(frame.octets);
  return read.kind === "ip" ? printIp(read) : `${frame.length} octets`;
}

/** One file has one kind of link: the first frame's. */
function fileWriter(place: string, sink: CaptureSink, { wallClock }: CaptureDeps): (frame: Frame) => void {
  let isEthernet: boolean | undefined;
  return (frame) => {
    const ethernet = hasEthernetHeader(frame.linkType);
    if (isEthernet === undefined) {
      isEthernet = ethernet;
      sink.write(pcapHeader({ name: place, hasEthernetHeader: ethernet, snapOctets: 0 }));
    }
    if (ethernet !== isEthernet) return;
    const timeMicros = BigInt(wallClock.now().getTime()) * 1000n;
    sink.write(pcapPacket({ octets: frame.octets, length: frame.length, timeMicros }));
  };
}

/** Names of devices by index, asked for when first met: devices come and go during a capture. */
class DeviceNames {
  readonly #net: NetNamespace;
  readonly #clock: Clock;
  readonly #known = new Map<number, string>();

  constructor(net: NetNamespace, clock: Clock) {
    this.#net = net;
    this.#clock = clock;
  }

  of(index: number): string {
    const known = this.#known.get(index);
    if (known !== undefined) return known;
    const name = withRtnetlink(this.#net, this.#clock, (rtnetlink) => rtnetlink.link(index))?.name ?? `#${index}`;
    this.#known.set(index, name);
    return name;
  }
}
