/** Routers that speak BGP, and the links between routers, as topology files write them. */
import { type Ipv4, ipv4Of } from "../../ip/address.ts";
import { parsePrefix } from "../../ip/prefix.ts";
import {
  type BgpRouter,
  OBJECT_NAME,
  OBJECT_NAME_HELP,
  ROUTER_SPEAKERS,
  type RouterLink,
  type RouterNeighbour,
} from "../topology.ts";
import type { YamlFields } from "../yaml-fields.ts";

const MOST_AS = 2 ** 32 - 1;
/** Stands for an address that is missing, which is a problem noted already. */
const ANYWHERE: Ipv4 = ipv4Of(0);
/** Two routers, the network and its broadcast address. */
const LINK_LENGTH = 30;

/** `names` are the routers that subnets and links name. */
export function bgpRouterOf(fields: YamlFields, names: readonly string[]): BgpRouter {
  const name = fields.text("name", OBJECT_NAME_HELP, undefined, OBJECT_NAME);
  if (name !== "" && !names.includes(name)) fields.wrong("name", `no subnet or link has a router '${name}'`);
  const router: BgpRouter = {
    name,
    speaker: fields.choice("speaker", ROUTER_SPEAKERS, "ocicat"),
    as: fields.integer("as", 1, MOST_AS),
    routerId: fields.address("routerId") ?? ANYWHERE,
    neighbours: fields.list("neighbours").map(neighbourOf),
  };
  fields.end();
  return router;
}

function neighbourOf(fields: YamlFields): RouterNeighbour {
  const neighbour = { address: fields.address("address") ?? ANYWHERE, as: fields.integer("as", 1, MOST_AS) };
  fields.end();
  return neighbour;
}

export function linkOf(fields: YamlFields): RouterLink {
  const [one = "", other = "", ...more] = fields.texts("between");
  const isPair = [one, other].every((name) => OBJECT_NAME.test(name)) && one !== other && more.length === 0;
  if (!isPair) fields.wrong("between", "the names of two routers are needed");
  const cidr = fields.prefix("cidr") ?? parsePrefix(`192.0.2.0/${LINK_LENGTH}`);
  if (cidr.length !== LINK_LENGTH) fields.wrong("cidr", `a link between two routers is a /${LINK_LENGTH}`);
  fields.end();
  return { between: [one, other], cidr };
}
