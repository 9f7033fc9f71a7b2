/** The octets of requests about links: the kinds differ in what they nest. */
import type { IpAddress } from "../ip/address.ts";
import { beginMessage, endMessage, Flag } from "../netlink/message.ts";
import { LinkFlag, RtmType } from "../netlink/rtnetlink/codes.ts";
import { type LinkAttributes, linkBody, vethAttributes, vxlanAttributes } from "../netlink/rtnetlink/link.ts";
import { Writer } from "../wire/writer.ts";
import type { LinkChange, LinkRef, NewLink, NewVxlan, Request } from "./rtnetlink-requests.ts";

type LinkRequest = Extract<
  Request,
  { readonly type: "createVeth" | "createVxlan" | "createBridge" | "createIpip" | "setLink" | "deleteLink" }
>;

const CREATE = Flag.request | Flag.create | Flag.exclusive;

/** Writes one whole message. */
export function encodeLinkRequest(writer: Writer, request: LinkRequest): void {
  switch (request.type) {
    case "createVeth":
      createLink(writer, request.link, { kind: "veth", data: vethData(request.peer) });
      break;
    case "createVxlan":
      createLink(writer, request.link, { kind: "vxlan", data: vxlanData(request.link) });
      break;
    case "createBridge":
      createLink(writer, request.link, { kind: "bridge" });
      break;
    case "createIpip":
      createLink(writer, request.link, { kind: "ipip" });
      break;
    case "setLink":
      setLink(writer, request.link, request.change);
      break;
    case "deleteLink":
      linkMessage(writer, RtmType.deleteLink, request.link, empty);
  }
}

function setLink(writer: Writer, link: LinkRef, change: LinkChange): void {
  linkMessage(writer, RtmType.newLink, link, {
    flags: upFlag(change.up),
    change: change.up === undefined ? 0 : LinkFlag.up,
    attributes: changeAttributes(change),
  });
}

const empty = { flags: 0, change: 0, attributes: {} } as const;

const upFlag = (up: boolean | undefined): number => (up === true ? LinkFlag.up : 0);

function createLink(writer: Writer, link: NewLink, info: NonNullable<LinkAttributes["info"]>): void {
  const at = beginMessage(writer, RtmType.newLink, CREATE);
  const header = { flags: upFlag(link.up), change: link.up === undefined ? 0 : LinkFlag.up };
  linkBody.encode(writer, header, { ...newLinkAttributes(link), info });
  endMessage(writer, at);
}

const newLinkAttributes = (link: NewLink): LinkAttributes => ({
  name: link.name,
  address: link.mac,
  mtu: link.mtu,
  namespaceFd: link.namespaceFd,
});

/** The peer's namespace travels inside the peer: made there at once, it need not be moved. */
function vethData(peer: Omit<NewLink, "up">): Uint8Array {
  const header = { family: 0, pad: 0, type: 0, index: 0, flags: 0, change: 0 };
  const writer = new Writer();
  vethAttributes.encode(writer, { peer: { header, attributes: newLinkAttributes(peer) } });
  return writer.finish();
}

function vxlanData(link: NewVxlan): Uint8Array {
  const writer = new Writer();
  vxlanAttributes.encode(writer, {
    id: link.vni,
    ...localOf(link.local),
    link: link.parent,
    port: link.port,
    learning: link.learning ? 1 : 0,
    udpChecksum: link.udpChecksum === undefined ? undefined : Number(link.udpChecksum),
  });
  return writer.finish();
}

const localOf = (local: IpAddress | undefined) =>
  local === undefined ? {} : typeof local === "number" ? { local } : { local6: local };

const changeAttributes = (change: LinkChange): LinkAttributes => ({
  mtu: change.mtu,
  address: change.mac,
  name: change.name,
  master: change.master,
  namespaceFd: change.namespaceFd,
});

/** By name the kernel finds the device where the index is 0. */
function linkMessage(
  writer: Writer,
  type: number,
  link: LinkRef,
  content: { readonly flags: number; readonly change: number; readonly attributes: LinkAttributes },
): void {
  const at = beginMessage(writer, type, Flag.request);
  const header = { index: typeof link === "number" ? link : 0, flags: content.flags, change: content.change };
  const named = typeof link === "string" ? { name: link, ...defined(content.attributes) } : content.attributes;
  linkBody.encode(writer, header, named);
  endMessage(writer, at);
}

/** Without the fields that are undefined, so that they do not hide what they are spread over. */
const defined = (attributes: LinkAttributes): LinkAttributes =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
