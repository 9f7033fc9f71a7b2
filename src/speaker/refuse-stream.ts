/** RFC 4486 section 4: who is not wanted is told so. */
import { CeaseReason } from "../bgp/message/iana.ts";
import { encodeMessage } from "../bgp/message/message-codec.ts";
import { cease } from "../bgp/message/notification-text.ts";
import type { BgpStream } from "../port/bgp-transport.ts";

export function refuseStream(stream: BgpStream): void {
  stream.start({ data: () => undefined, drained: () => undefined, closed: () => undefined });
  stream.write(encodeMessage(cease(CeaseReason.connectionRejected)));
  stream.end();
}
