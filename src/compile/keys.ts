/** The independent pieces of the compile: each key is computed alone, again when what it turns on has changed. */
import type { PrefixKey } from "../ip/prefix.ts";

/** Names one independent piece of the compile: `compileKey` of DESIGN 1. */
export type CompileKey = string;
export const keys = {
  host: "host",
  vxlanDevice: "vxlan device",
  ipipDevice: "ipip device",
  bgpRouter: "bgp router",
  bgpExport: "bgp export",
  calicoTable: "calico table",
  node: (name: string): CompileKey => `node ${name}`,
  block: (cidr: PrefixKey): CompileKey => `block ${cidr}`,
  endpoint: (name: string): CompileKey => `endpoint ${name}`,
  /** Sessions with another node: of the mesh, and of peerings by selectors. */
  bgpNode: (name: string): CompileKey => `bgp-node ${name}`,
  /** The session of a BGPPeer that names an address. */
  bgpPeer: (name: string): CompileKey => `bgp-peer ${name}`,
  bgpFilter: (name: string): CompileKey => `bgp-filter ${name}`,
  /** No key of the compile: the source under which a route heard by BGP is offered. */
  learned: (prefix: PrefixKey): CompileKey => `learned ${prefix}`,
} as const;

export const isLearned = (source: string): boolean => source.startsWith("learned ");

/** Endpoints: a pod's start waits for them, so they go ahead of everything else. */
export const isUrgent = (key: CompileKey): boolean => key.startsWith("endpoint ");

/** Collects the keys that a change touches. */
export type Touch = (key: CompileKey) => void;
