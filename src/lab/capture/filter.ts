/**
 * The filter language of `lab capture`, a small part of what tcpdump's users type:
 *
 *     icmp      udp port 4789      host 10.30.0.56 and not arp      inner (icmp and dst 192.168.133.194)
 *
 *     expression   term { [and] term } , alternatives joined by `or`, which binds less than `and`
 *     term         not TERM | ( EXPRESSION ) | inner TERM | ip | ip6 | arp | icmp | tcp | udp | vxlan | ipip
 *                  | host A | src A | dst A | net CIDR | port N | proto N
 *
 * Words look at the packet on the wire; `inner` looks at what a tunnel carries instead. Words side by side mean `and`.
 */
import { CodedError } from "../../base/errors.ts";
import { type IpAddress, tryParseAddress } from "../../ip/address.ts";
import { contains, type Prefix, tryParsePrefix } from "../../ip/prefix.ts";
import { type EthernetFrame, encapsulationOf, type IpPacket } from "./packet.ts";

export type Layer = EthernetFrame["payload"];
export type PacketFilter = (layer: Layer) => boolean;

export class FilterError extends CodedError<"badFilter", { at: number; text: string }> {}

const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, ipip: 4, tcp: 6, udp: 17 };

/** Throws FilterError that names the word and its place. An empty text lets everything through. */
export function parseFilter(text: string): PacketFilter {
  const words = text.match(/[()]|[^\s()]+/g) ?? [];
  if (words.length === 0) return () => true;
  const parser = new Parser(words, text);
  return parser.all();
}

class Parser {
  readonly #words: readonly string[];
  readonly #text: string;
  #at = 0;

  constructor(words: readonly string[], text: string) {
    this.#words = words;
    this.#text = text;
  }

  all(): PacketFilter {
    const filter = this.#alternatives();
    if (this.#at < this.#words.length) throw this.#wrong(`'${this.#words[this.#at]}' stands where nothing should`);
    return filter;
  }

  #alternatives(): PacketFilter {
    const parts = [this.#conjunction()];
    while (this.#take("or")) parts.push(this.#conjunction());
    return parts.length === 1 ? (parts[0] as PacketFilter) : (layer) => parts.some((part) => part(layer));
  }

  #conjunction(): PacketFilter {
    const parts = [this.#term()];
    while (this.#at < this.#words.length && !["or", ")"].includes(this.#words[this.#at] ?? "")) {
      this.#take("and");
      parts.push(this.#term());
    }
    return parts.length === 1 ? (parts[0] as PacketFilter) : (layer) => parts.every((part) => part(layer));
  }

  #term(): PacketFilter {
    const word = this.#next("a word");
    if (word === "not") {
      const negated = this.#term();
      return (layer) => !negated(layer);
    }
    if (word === "inner") return inside(this.#term());
    if (word === "(") {
      const grouped = this.#alternatives();
      if (!this.#take(")")) throw this.#wrong("')' is missing");
      return grouped;
    }
    return this.#primitive(word);
  }

  #primitive(word: string): PacketFilter {
    switch (word) {
      case "ip":
        return onIp((packet) => packet.version === 4);
      case "ip6":
        return onIp((packet) => packet.version === 6);
      case "arp":
        return (layer) => layer.kind === "arp";
      case "vxlan":
        return onIp((packet) => packet.payload.kind === "vxlan");
      case "icmp":
      case "ipip":
      case "tcp":
      case "udp":
        return onIp((packet) => packet.protocol === PROTOCOLS[word] || (word === "icmp" && packet.protocol === 58));
      case "host":
        return this.#withAddress((packet, address) => packet.source === address || packet.destination === address);
      case "src":
        return this.#withAddress((packet, address) => packet.source === address);
      case "dst":
        return this.#withAddress((packet, address) => packet.destination === address);
      case "net":
        return this.#net();
      case "port":
        return this.#port();
      case "proto": {
        const number = this.#number("a protocol number from 0 to 255", 255);
        return onIp((packet) => packet.protocol === number);
      }
      default:
        this.#at -= 1;
        throw this.#wrong(`'${word}' is no word of the filter language`);
    }
  }

  #withAddress(matches: (packet: IpPacket, address: IpAddress) => boolean): PacketFilter {
    const text = this.#next("an address");
    const address = tryParseAddress(text);
    if (address === undefined) throw this.#wrong(`'${text}' is not an address`, -1);
    return (layer) =>
      layer.kind === "arp"
        ? layer.sender === address || layer.target === address
        : layer.kind === "ip" && matches(layer, address);
  }

  #net(): PacketFilter {
    const text = this.#next("a CIDR");
    const prefix: Prefix | undefined = tryParsePrefix(text);
    if (!prefix) throw this.#wrong(`'${text}' is not a CIDR with zero host bits`, -1);
    return onIp((packet) => contains(prefix, packet.source) || contains(prefix, packet.destination));
  }

  #port(): PacketFilter {
    const port = this.#number("a port from 0 to 65535", 65_535);
    return onIp(
      ({ payload }) => "sourcePort" in payload && (payload.sourcePort === port || payload.destinationPort === port),
    );
  }

  #number(what: string, most: number): number {
    const text = this.#next(what);
    const number = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
    if (!(number <= most)) throw this.#wrong(`'${text}' is not ${what}`, -1);
    return number;
  }

  #take(word: string): boolean {
    if (this.#words[this.#at] !== word) return false;
    this.#at += 1;
    return true;
  }

  #next(what: string): string {
    const word = this.#words[this.#at];
    if (word === undefined) throw this.#wrong(`${what} is missing at the end`);
    this.#at += 1;
    return word;
  }

  #wrong(message: string, offset = 0): FilterError {
    const at = this.#at + offset + 1;
    return new FilterError("badFilter", `filter '${this.#text}', word ${at}: ${message}`, { at, text: this.#text });
  }
}

const onIp =
  (matches: (packet: IpPacket) => boolean): PacketFilter =>
  (layer) =>
    layer.kind === "ip" && matches(layer);

/** Looks at what a tunnel carries; packets that are in none do not match. */
function inside(filter: PacketFilter): PacketFilter {
  return (layer) => {
    const found = encapsulationOf(layer);
    return found !== undefined && found.encapsulation !== "bare" && filter(found.inner);
  };
}
