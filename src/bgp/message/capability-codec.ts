/**
 * Capabilities (RFC 5492 section 4), one row each. One that no row knows, or of a family that we do not speak, is kept octet
 * for octet.
 *
 *     0      1        2
 *     | code | length | value | code | length | value | …
 */
import type { Family } from "../../ip/address.ts";
import { Reader } from "../../wire/reader.ts";
import type { Writer } from "../../wire/writer.ts";
import { afiOf, familyOfAfi } from "./family.ts";
import { CapabilityCode, SAFI_UNICAST } from "./iana.ts";
import type { Capability } from "./types.ts";

type KnownCapability = Exclude<Capability, { kind: "other" }>;
type CapabilityOf<K extends KnownCapability["kind"]> = Extract<KnownCapability, { kind: K }>;

interface CapabilityRow<C extends KnownCapability = KnownCapability> {
  readonly code: number;
  readonly rfc: string;
  /** Whether the value may have so many octets. */
  fits(length: number): boolean;
  /** Undefined: it speaks of what we have no words for. The reader holds a value whose length fits. */
  decode(reader: Reader): C | undefined;
  encode(writer: Writer, capability: C): void;
}

/** A capability that says all by being there. */
const flag = <C extends KnownCapability>(capability: C, code: number, rfc: string): CapabilityRow<C> => ({
  code,
  rfc,
  fits: (length) => length === 0,
  decode: () => capability,
  encode: () => {},
});

const RESTARTING = 0x8;
const NOTIFICATION = 0x4;
const FORWARDING = 0x80;
const RESTART_TIME_MASK = 0xfff;

const rows: { readonly [K in KnownCapability["kind"]]: CapabilityRow<CapabilityOf<K>> } = {
  multiprotocol: {
    code: CapabilityCode.multiprotocol,
    rfc: "RFC 4760 section 8",
    fits: (length) => length === 4,
    decode(reader) {
      const afi = reader.u16();
      reader.skip(1);
      const family = familyOfAfi(afi, reader.u8());
      return family && { kind: "multiprotocol", family };
    },
    encode(writer, { family }) {
      writer.u16(afiOf(family));
      writer.u8(0);
      writer.u8(SAFI_UNICAST);
    },
  },
  routeRefresh: flag({ kind: "routeRefresh" }, CapabilityCode.routeRefresh, "RFC 2918 section 2"),
  enhancedRouteRefresh: flag(
    { kind: "enhancedRouteRefresh" },
    CapabilityCode.enhancedRouteRefresh,
    "RFC 7313 section 3.1",
  ),
  extendedMessage: flag({ kind: "extendedMessage" }, CapabilityCode.extendedMessage, "RFC 8654 section 3"),
  fourOctetAs: {
    code: CapabilityCode.fourOctetAs,
    rfc: "RFC 6793 section 3",
    fits: (length) => length === 4,
    decode: (reader) => ({ kind: "fourOctetAs", asn: reader.u32() }),
    encode: (writer, { asn }) => writer.u32(asn),
  },
  gracefulRestart: {
    code: CapabilityCode.gracefulRestart,
    rfc: "RFC 4724 section 3",
    fits: (length) => length % 4 === 2,
    decode(reader) {
      const head = reader.u16();
      const flags = head >> 12;
      const families: { family: Family; isForwarding: boolean }[] = [];
      while (reader.left > 0) {
        const family = familyOfAfi(reader.u16(), reader.u8());
        const isForwarding = (reader.u8() & FORWARDING) !== 0;
        if (family) families.push({ family, isForwarding });
      }
      return {
        kind: "gracefulRestart",
        isRestarting: (flags & RESTARTING) !== 0,
        notification: (flags & NOTIFICATION) !== 0,
        restartTimeSeconds: head & RESTART_TIME_MASK,
        families,
      };
    },
    encode(writer, { isRestarting, notification, restartTimeSeconds, families }) {
      const flags = (isRestarting ? RESTARTING : 0) | (notification ? NOTIFICATION : 0);
      writer.u16((flags << 12) | (restartTimeSeconds & RESTART_TIME_MASK));
      for (const { family, isForwarding } of families) {
        writer.u16(afiOf(family));
        writer.u8(SAFI_UNICAST);
        writer.u8(isForwarding ? FORWARDING : 0);
      }
    },
  },
};

const rowByCode: ReadonlyMap<number, CapabilityRow> = new Map(Object.values(rows).map((row) => [row.code, row]));

/** One capability; a text that says what is wrong where its length does not fit. Throws ShortReadError. */
export function decodeCapability(reader: Reader): Capability | string {
  const code = reader.u8();
  const value = reader.sub(reader.u8());
  const row = rowByCode.get(code);
  if (row && !row.fits(value.left)) return `capability ${code} of ${value.left} octets (${row.rfc})`;
  const octets = value.rest();
  return row?.decode(new Reader(octets)) ?? { kind: "other", code, octets: Uint8Array.from(octets) };
}

export function encodeCapability(writer: Writer, capability: Capability): void {
  if (capability.kind === "other") {
    writer.u8(capability.code);
    writer.u8(capability.octets.length);
    writer.octets(capability.octets);
    return;
  }
  const row: CapabilityRow = rows[capability.kind];
  writer.u8(row.code);
  const at = writer.length;
  writer.u8(0);
  row.encode(writer, capability);
  writer.patchU8(at, writer.length - at - 1);
}
