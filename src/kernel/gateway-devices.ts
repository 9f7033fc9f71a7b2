/** Asks the kernel by which device it would send to a gateway: with every route and rule that counts, which addresses alone do not tell. */
import type { IpAddress } from "../ip/address.ts";
import { beginMessage, endMessage, Flag } from "../netlink/message.ts";
import { AddressFamily, RtmType, routeTypes } from "../netlink/rtnetlink/codes.ts";
import type { IfIndex } from "../netlink/rtnetlink/link.ts";
import { type RouteBody, routeBody } from "../netlink/rtnetlink/route.ts";
import type { Writer } from "../wire/writer.ts";
import type { NetlinkChannel } from "./request.ts";

/** For each gateway the device that it is on; undefined where it is on none, or cannot be reached. */
export async function gatewayDevices(
  channel: NetlinkChannel,
  gateways: readonly IpAddress[],
): Promise<readonly (IfIndex | undefined)[]> {
  const devices = gateways.map((): IfIndex | undefined => undefined);
  await channel.executeOffLoop({
    count: gateways.length,
    encode(writer, index) {
      const gateway = gateways[index];
      if (gateway !== undefined) encodeGetRoute(writer, gateway);
    },
    about: (index) => ({ call: "get", subject: `the way to gateway ${index}` }),
    answer(index, message) {
      if (message.type === RtmType.newRoute) devices[index] = deviceOf(routeBody.decode(message.payload));
    },
  });
  return devices;
}

function encodeGetRoute(writer: Writer, destination: IpAddress): void {
  const isIpv4 = typeof destination === "number";
  const at = beginMessage(writer, RtmType.getRoute, Flag.request);
  const family = isIpv4 ? AddressFamily.ipv4 : AddressFamily.ipv6;
  routeBody.encode(writer, { family, destinationLength: isIpv4 ? 32 : 128 }, { destination });
  endMessage(writer, at);
}

/** None where another router is in between. */
function deviceOf({ header, attributes }: RouteBody): IfIndex | undefined {
  const isBehind = (attributes.gateway ?? attributes.via ?? attributes.multipath) !== undefined;
  return header.type === routeTypes.unicast && !isBehind ? attributes.device : undefined;
}
