/**
 * `tunl0` without the kernel's module: one end of a veth pair, whose other end's ingress runs the encapsulating program,
 * so that captures and counters of `tunl0` see both ways as they do with the module; the decapsulating one runs at the
 * NIC's ingress. Marks: the devices' names, and the filters' (`ipip-marks.ts`).
 *
 * A tunnel is whole, or it is made right: what can stay (the pair, the map of sources) stays, programs are exchanged under
 * traffic. What is known of paths begins anew with new programs. The decapsulating filter of a NIC that is the parent no more
 * goes before the encapsulating one stops telling of it. A NIC's clsact stays: others may have come to count on it.
 *
 * What programs cannot do, join fragments of outer packets, is done beside them as long as the tunnel is whole.
 */
import { decapsulation } from "../../bpf/ipip-decapsulate.ts";
import { encapsulation } from "../../bpf/ipip-encapsulate.ts";
import { tunnelMac } from "../../bpf/ipip-frame.ts";
import type { IpipLink } from "../../compile/node-state.ts";
import { type Ipv4, ipv4Of } from "../../ip/address.ts";
import type { Request } from "../../kernel/rtnetlink-requests.ts";
import type { RtnetlinkEvent } from "../../netlink/rtnetlink/event.ts";
import type { Link } from "../../netlink/rtnetlink/link.ts";
import type { BpfFilter } from "../../netlink/rtnetlink/traffic-control.ts";
import type { Bpf, BpfMap, BpfObject } from "../../port/bpf.ts";
import { KernelError } from "../../port/netlink.ts";
import type { OuterFragments } from "../../port/outer-fragments.ts";
import { type DriverDeps, isGone, missingDevice, takingAway } from "./deps.ts";
import type { IpipCarrier } from "./ipip-carrier.ts";
import { carriesFilters, filterFor, HOST_LENGTH, isMarked, type Mark, readMarks } from "./ipip-marks.ts";
import { pathMtuMap } from "./ipip-path-mtus.ts";
import { NODES, openFirstMap } from "./ipip-sources.ts";

const EINVAL = 22;
/** ARPHRD_ETHER. */
const ETHERNET = 1;

const REMEDY = "this kernel has no ipip module; load it, or let the agent call bpf(2), or use VXLAN";

export interface BpfIpipOptions {
  readonly bpf: Bpf;
  readonly fragments: OuterFragments;
}

export class BpfIpip implements IpipCarrier {
  readonly #deps: DriverDeps;
  readonly #bpf: Bpf;
  readonly #fragments: OuterFragments;
  readonly #name: string;
  readonly #peer: string;
  /** Names of devices that carried filters of ours when they were last read. */
  #carriers: ReadonlySet<string> = new Set();

  constructor(deps: DriverDeps, { bpf, fragments }: BpfIpipOptions, name: string) {
    this.#deps = deps;
    this.#bpf = bpf;
    this.#fragments = fragments;
    this.#name = name;
    this.#peer = `${name}p`;
  }

  async read(): Promise<IpipLink | undefined> {
    const { links } = this.#deps;
    const marks = await this.#marks();
    const tunnel = links.byName(this.#name);
    const peer = links.byName(this.#peer);
    const encapsulating = marks.find(({ duty, filter }) => duty === "encap" && filter.index === peer?.index);
    if (!tunnel && !peer && marks.length === 0) return undefined;
    const item: IpipLink = {
      kind: "ipip",
      name: this.#name,
      mtu: tunnel?.mtu ?? 0,
      local: encapsulating?.local ?? ipv4Of(0),
      subnetLength: encapsulating?.subnetLength ?? HOST_LENGTH,
      parent: links.byIndex(encapsulating?.target ?? 0)?.name ?? "",
    };
    if (!tunnel || !peer || !isPair(tunnel, peer) || !isWhole(tunnel, peer, marks)) return { ...item, found: "unlike" };
    this.#joinFragments(tunnel, marks);
    return tunnel.up && peer.up ? item : { ...item, found: "down" };
  }

  async #marks(): Promise<readonly Mark[]> {
    const { rtnetlink, links } = this.#deps;
    const marks = await readMarks(rtnetlink, links);
    this.#carriers = new Set(marks.map(({ filter }) => links.byIndex(filter.index)?.name ?? ""));
    return marks;
  }

  equal(desired: IpipLink, actual: IpipLink): boolean {
    const { mtu, local, parent, found, subnetLength } = actual;
    const isAlike = desired.mtu === mtu && desired.local === local && desired.parent === parent;
    return found === undefined && isAlike && (desired.subnetLength ?? HOST_LENGTH) === subnetLength;
  }

  async make(desired: IpipLink, parent: Link): Promise<KernelError | undefined> {
    const { links } = this.#deps;
    const { local } = desired;
    if (typeof local !== "number") return unfit(desired, "its local address is no IPv4 address");
    if (parent.hardwareType !== ETHERNET) return unfit(desired, `its parent ${parent.name} is no Ethernet device`);
    const held: BpfObject[] = [];
    try {
      // First what may be refused: half a tunnel helps nobody.
      const sources = await this.#sources();
      held.push(sources);
      const refusal = await this.#makePair(desired, local);
      if (refusal) return refusal;
      const { subnetLength = HOST_LENGTH } = desired;
      const failure = await this.#makeFilters({ local, subnetLength }, parent, sources, held);
      const tunnel = failure ? undefined : links.byName(this.#name);
      if (tunnel) this.#joinFragments(tunnel, await this.#marks());
      return failure;
    } catch (failure) {
      if (!(failure instanceof KernelError)) throw failure;
      return asTunnelError(failure, this.#name);
    } finally {
      for (const object of held) object.close();
    }
  }

  /** The map that the tunnel has, whatever else of it is wrong: who was known stays known. */
  async #sources(): Promise<BpfMap> {
    for (const mark of await this.#marks()) {
      const map = mark.duty === "decap" ? openFirstMap(this.#bpf, mark) : undefined;
      if (map) return map;
    }
    return this.#bpf.createMap({ name: "ocicat_sources", keyOctets: 4, valueOctets: 1, entries: NODES });
  }

  #makePair({ mtu }: IpipLink, local: Ipv4): Promise<KernelError | undefined> {
    const { links } = this.#deps;
    const [tunnel, peer] = [links.byName(this.#name), links.byName(this.#peer)];
    const mac = tunnelMac(local);
    const isThere = tunnel !== undefined && peer !== undefined && isPair(tunnel, peer);
    const anew: readonly Request[] = [
      { type: "deleteLink", link: this.#name },
      { type: "deleteLink", link: this.#peer },
      { type: "createVeth", link: { name: this.#name, mac, mtu }, peer: { name: this.#peer, mtu } },
    ];
    // Whoever sets an address, even the same, takes the device's neighbours away.
    const hasMac = tunnel?.mac === mac;
    const execute = () =>
      this.#execute(
        ...(isThere ? [] : anew),
        { type: "setLink", link: this.#peer, change: { mtu, up: true } },
        { type: "setLink", link: this.#name, change: { mtu, up: true, ...(hasMac ? {} : { mac }) } },
      );
    return isThere && hasMac ? execute() : takingAway(this.#deps, this.#name, execute);
  }

  async #makeFilters(
    own: { readonly local: Ipv4; readonly subnetLength: number },
    parent: Link,
    sources: BpfMap,
    held: BpfObject[],
  ): Promise<KernelError | undefined> {
    const { links } = this.#deps;
    const { local } = own;
    links.drain();
    const [tunnel, peer] = [links.byName(this.#name), links.byName(this.#peer)];
    if (!tunnel || !peer) return missingDevice(this.#name);
    const pathMtus = this.#bpf.createMap(pathMtuMap);
    held.push(pathMtus);
    const to = { local, tunnel: tunnel.index, pathMtus: pathMtus.fd };
    const load = (name: string, instructions: Uint8Array): number => {
      const program = this.#bpf.loadProgram(name, instructions);
      held.push(program);
      return program.fd;
    };
    const decap = load("ocicat_decap", decapsulation({ ...to, sources: sources.fd }));
    const encap = load("ocicat_encap", encapsulation({ ...to, ...own, parent: parent.index }));
    const atNic = filterFor({ duty: "decap", local, target: tunnel.index }, parent.index, decap);
    const atPeer = filterFor({ duty: "encap", ...own, target: parent.index }, peer.index, encap);
    const stale = (await this.#marks()).filter(
      ({ filter }) => !isSamePlace(filter, atNic) && !isSamePlace(filter, atPeer),
    );
    return this.#execute(
      { type: "addClsact", index: parent.index },
      { type: "addClsact", index: peer.index },
      { type: "replaceFilter", filter: atNic },
      ...stale.map(({ filter }): Request => ({ type: "deleteFilter", filter })),
      { type: "replaceFilter", filter: atPeer },
    );
  }

  /** Of the tunnel whose marks these are. Throws KernelError. */
  #joinFragments(tunnel: Link, marks: readonly Mark[]): void {
    const mark = marks.find(({ duty }) => duty === "decap");
    const sources = mark && openFirstMap(this.#bpf, mark);
    if (!mark || !sources || tunnel.peer === undefined) return;
    this.#fragments.join({ local: mark.local, through: tunnel.peer, mtu: tunnel.mtu, sources });
  }

  async remove(): Promise<KernelError | undefined> {
    this.#fragments.leave();
    const marks = await this.#marks();
    return takingAway(this.#deps, this.#name, () =>
      this.#execute(
        ...marks.map(({ filter }): Request => ({ type: "deleteFilter", filter })),
        { type: "deleteLink", link: this.#name },
        { type: "deleteLink", link: this.#peer },
      ),
    );
  }

  /** The first failure that is none by its nature: what is there, or gone, already is fine. */
  async #execute(...requests: readonly Request[]): Promise<KernelError | undefined> {
    const outcomes = await this.#deps.rtnetlink.executeOffLoop(requests);
    return outcomes.find((error, index) => {
      const type = requests[index]?.type;
      if (!error) return false;
      if (type === "addClsact") return error.errno !== "EEXIST";
      return !((type === "deleteLink" || type === "deleteFilter") && isGone(error));
    });
  }

  concerns(device: string): boolean {
    return device === this.#name || device === this.#peer || this.#carriers.has(device);
  }

  isTouchedBy(event: RtnetlinkEvent): boolean {
    if (event.type === "filter") return isMarked(event.filter);
    return event.type === "qdisc" && event.isGone && carriesFilters(event.qdisc.kind);
  }
}

const isPair = (tunnel: Link, peer: Link): boolean =>
  tunnel.kind === "veth" && tunnel.peer === peer.index && tunnel.peerNamespace === undefined;

/** Whether both filters are there, fit each other and the devices, and no other of ours is anywhere. */
function isWhole(tunnel: Link, peer: Link, marks: readonly Mark[]): boolean {
  const encapsulating = marks.find(({ duty, filter }) => duty === "encap" && filter.index === peer.index);
  const decapsulating = marks.find(({ duty, target }) => duty === "decap" && target === tunnel.index);
  if (!encapsulating || !decapsulating || marks.length !== 2) return false;
  return (
    encapsulating.isCurrent &&
    decapsulating.isCurrent &&
    encapsulating.target === decapsulating.filter.index &&
    encapsulating.local === decapsulating.local &&
    tunnel.mac === tunnelMac(encapsulating.local) &&
    peer.mtu === tunnel.mtu
  );
}

const isSamePlace = (a: BpfFilter, b: BpfFilter): boolean =>
  a.index === b.index && a.priority === b.priority && a.protocol === b.protocol && a.handle === b.handle;

const unfit = ({ name }: IpipLink, why: string): KernelError =>
  new KernelError({ call: "create", errno: "EINVAL", number: EINVAL, subject: `IP-in-IP device ${name}`, extack: why });

function asTunnelError({ message, errno, detail }: KernelError, name: string): KernelError {
  const extack = errno === "EPERM" || errno === "ENOSYS" ? `${message}; ${REMEDY}` : message;
  return new KernelError({ call: "create", errno, number: detail.number, subject: `IP-in-IP device ${name}`, extack });
}
