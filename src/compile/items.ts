/** The kinds of items that a node state is made of, with the small functions that every user of a kind needs. */
import type { NftTable } from "../netlink/nftables/tree.ts";
import {
  describeAddressItem,
  describeFdb,
  describeLink,
  describeNeighbour,
  describeRoute,
  describeSysctl,
  describeTunnelSource,
} from "./describe.ts";
import { devicesOfRoute, devicesOfSysctl } from "./item-devices.ts";
import {
  type AddressItem,
  addressKey,
  type FdbItem,
  fdbKey,
  type LinkItem,
  linkKey,
  type NeighbourItem,
  neighbourKey,
  type RouteItem,
  routeKey,
  type SysctlItem,
  sysctlKey,
  type TunnelSourceItem,
  tunnelSourceKey,
} from "./node-state.ts";

export interface Items {
  readonly links: LinkItem;
  readonly addresses: AddressItem;
  readonly sysctls: SysctlItem;
  readonly tables: NftTable;
  readonly neighbours: NeighbourItem;
  readonly fdb: FdbItem;
  readonly tunnelSources: TunnelSourceItem;
  readonly routes: RouteItem;
}
export type ItemKind = keyof Items;

/** The order in which items are added, rules before what they keep others out of; removals go the other way. */
export const order: readonly ItemKind[] = [
  "tables",
  "links",
  "addresses",
  "sysctls",
  "neighbours",
  "fdb",
  "tunnelSources",
  "routes",
];

export const keyOf: { readonly [K in ItemKind]: (item: Items[K]) => string } = {
  links: linkKey,
  addresses: addressKey,
  sysctls: sysctlKey,
  tables: ({ family, name }) => `${family} ${name}`,
  neighbours: neighbourKey,
  fdb: fdbKey,
  tunnelSources: tunnelSourceKey,
  routes: routeKey,
};

/** One line for people, in the words of iproute2. */
export const describe: { readonly [K in ItemKind]: (item: Items[K]) => string } = {
  links: describeLink,
  addresses: describeAddressItem,
  sysctls: describeSysctl,
  tables: ({ family, name }) => `table ${family} ${name}`,
  neighbours: describeNeighbour,
  fdb: describeFdb,
  tunnelSources: describeTunnelSource,
  routes: describeRoute,
};

/** Names of the devices without which the kernel's object is not: a link's own among them. */
export const devicesOf: { readonly [K in ItemKind]: (item: Items[K]) => readonly string[] } = {
  links: ({ name }) => [name],
  addresses: ({ device }) => [device],
  sysctls: devicesOfSysctl,
  tables: () => [],
  neighbours: ({ device }) => [device],
  fdb: ({ device }) => [device],
  tunnelSources: ({ device }) => [device],
  routes: devicesOfRoute,
};
