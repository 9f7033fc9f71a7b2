/** Node: a host that takes part in the network. `spec.bgp` absent means that it takes no part in BGP. */
import { subdomainName } from "../names.ts";
import {
  addressInNetwork,
  asNumber,
  ipAddress,
  listOf,
  mac,
  object,
  oneOf,
  optional,
  text,
  textLike,
} from "../schema/fields.ts";
import { at, cell, type KindRow, nameCell } from "./kind.ts";

const wireguardKey = textLike(/^[A-Za-z0-9+/]{43}=$/, "is not a WireGuard public key (32 octets in base64)");

const spec = object({
  bgp: optional(
    object({
      asNumber: optional(asNumber),
      ipv4Address: optional(addressInNetwork(4)),
      ipv6Address: optional(addressInNetwork(6)),
      ipv4IPIPTunnelAddr: optional(ipAddress(4)),
      routeReflectorClusterID: optional(ipAddress(4)),
    }),
  ),
  ipv4VXLANTunnelAddr: optional(ipAddress(4)),
  vxlanTunnelMACAddr: optional(mac),
  ipv6VXLANTunnelAddr: optional(ipAddress(6)),
  vxlanTunnelMACAddrV6: optional(mac),
  orchRefs: optional(listOf(object({ nodeName: optional(text), orchestrator: text }))),
  wireguard: optional(
    object({ interfaceIPv4Address: optional(ipAddress(4)), interfaceIPv6Address: optional(ipAddress(6)) }),
  ),
  addresses: optional(
    listOf(
      object({ address: addressInNetwork(), type: optional(oneOf(["CalicoNodeIP", "InternalIP", "ExternalIP"])) }),
    ),
  ),
  interfaces: optional(listOf(object({ name: optional(text), addresses: optional(listOf(text)) }))),
});

const status = object({
  wireguardPublicKey: optional(wireguardKey),
  wireguardPublicKeyV6: optional(wireguardKey),
  podCIDRs: optional(listOf(text)),
});

export const node: KindRow = {
  kind: "Node",
  aliases: ["nodes", "no", "nos"],
  name: subdomainName,
  spec,
  status,
  hasStatusAlways: true,
  columns: {
    NAME: nameCell,
    ASN: (object, { asNumber: inherited }) => {
      if (at(object, "spec", "bgp") === undefined) return "";
      const own = at(object, "spec", "bgp", "asNumber");
      return own === undefined ? `(${inherited})` : String(own);
    },
    IPV4: cell("spec", "bgp", "ipv4Address"),
    IPV6: cell("spec", "bgp", "ipv6Address"),
  },
  narrow: ["NAME"],
  wide: ["NAME", "ASN", "IPV4", "IPV6"],
};
