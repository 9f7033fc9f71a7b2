/** `can-reach=` by a question to the routing table of the agent's own namespace; no packet is sent. */
import { type Family, familyOf, formatAddress, type IpAddress, tryParseAddress, widthOf } from "../ip/address.ts";
import type { Rtnetlink } from "../kernel/rtnetlink.ts";
import { beginMessage, endMessage, Flag } from "../netlink/message.ts";
import { AddressFamily, RtmType } from "../netlink/rtnetlink/codes.ts";
import { routeBody } from "../netlink/rtnetlink/route.ts";
import type { HostNames, Reachability } from "../port/host-facts.ts";

export class RouteReachability implements Reachability {
  readonly #rtnetlink: Pick<Rtnetlink, "channel">;
  readonly #names: HostNames;

  constructor(rtnetlink: Pick<Rtnetlink, "channel">, names: HostNames) {
    this.#rtnetlink = rtnetlink;
    this.#names = names;
  }

  /** Throws KernelError (ENETUNREACH where there is no route), and what the resolver throws for a name. */
  async sourceTowards(destination: string, family: Family): Promise<IpAddress> {
    const literal = tryParseAddress(destination);
    if (literal !== undefined && familyOf(literal) !== family) throw new Error(`it is no IPv${family} address`);
    const address = literal ?? (await this.#names.resolve(destination, family));
    const source = this.#ask(address);
    if (source === undefined) throw new Error(`the route to ${formatAddress(address)} has no source address`);
    return source;
  }

  #ask(destination: IpAddress): IpAddress | undefined {
    const family = familyOf(destination);
    let source: IpAddress | undefined;
    const failures = this.#rtnetlink.channel.execute({
      count: 1,
      encode: (writer) => {
        const at = beginMessage(writer, RtmType.getRoute, Flag.request);
        const header = {
          family: family === 4 ? AddressFamily.ipv4 : AddressFamily.ipv6,
          destinationLength: widthOf(family),
        };
        routeBody.encode(writer, header, { destination });
        endMessage(writer, at);
      },
      about: () => ({ call: "get", subject: `route to ${formatAddress(destination)}` }),
      answer: (_index, message) => {
        if (message.type === RtmType.newRoute) source = routeBody.decode(message.payload).attributes.preferredSource;
      },
    });
    const failure = failures.get(0);
    if (failure) throw failure;
    return source;
  }
}
