/**
 * Calico's own etcd v3 key layout, so that calicoctl and calico-node read and write what we write:
 *
 *   /calico/resources/v3/projectcalico.org/<plural>/[<namespace>/]<name>
 *   /calico/ipam/v2/assignment/ipv4/block/10.0.0.0-26        IPAMBlock
 *   /calico/ipam/v2/host/<node>/ipv4/block/10.0.0.0-26       BlockAffinity (also virtual/load-balancer/…)
 *   /calico/ipam/v2/handle/<id>                              IPAMHandle
 *   /calico/ipam/v2/config                                   IPAMConfig
 *   /ocicat/v1/<plural>/<name>                               kinds of our own
 *
 * Both directions are exact inverses on what they accept.
 */
import { CodedError } from "../base/errors.ts";
import type { ListQuery, ObjectKey } from "../port/store.ts";
import { calicoKinds, ipamKinds, type KindName, ownKinds } from "./kind-names.ts";

export class EtcdKeyError extends CodedError<"unknownKind" | "badName", { kind: string; name: string }> {}

const RESOURCES = "/calico/resources/v3/projectcalico.org/";
const IPAM = "/calico/ipam/v2/";
const OWN = "/ocicat/v1/";

interface Place {
  readonly kind: string;
  /** With a slash at the end. */
  readonly prefix: string;
  readonly namespaced: boolean;
}

const placesBelow = (root: string, kinds: Readonly<Record<string, KindName>>): Place[] =>
  Object.entries(kinds).map(([kind, { plural, namespaced }]) => ({ kind, prefix: `${root}${plural}/`, namespaced }));

const places: readonly Place[] = [...placesBelow(RESOURCES, calicoKinds), ...placesBelow(OWN, ownKinds)];
const placeByKind: ReadonlyMap<string, Place> = new Map(places.map((place) => [place.kind, place]));
const placeByPrefix: ReadonlyMap<string, Place> = new Map(places.map((place) => [place.prefix, place]));

/** The key of an object. Throws EtcdKeyError for a kind that has no place and for a name that would leave its place. */
function etcdKey(key: ObjectKey): string {
  const { kind, namespace, name } = key;
  const ipam = ipamKey(kind, name);
  if (ipam !== undefined) return ipam;
  const { prefix, namespaced } = placeOf(kind);
  if (!isSegment(name) || namespaced !== (namespace !== undefined && isSegment(namespace))) {
    throw new EtcdKeyError("badName", `${kind} '${namespace === undefined ? "" : `${namespace}/`}${name}' has no key`, {
      kind,
      name,
    });
  }
  return namespaced ? `${prefix}${namespace}/${name}` : `${prefix}${name}`;
}

const isSegment = (text: string): boolean => text !== "" && !text.includes("/");

function placeOf(kind: string): Place {
  const place = placeByKind.get(kind);
  if (!place) throw new EtcdKeyError("unknownKind", `kind '${kind}' has no place in the store`, { kind, name: "" });
  return place;
}

function ipamKey(kind: string, name: string): string | undefined {
  const bad = () => new EtcdKeyError("badName", `${kind} '${name}' has no key`, { kind, name });
  switch (kind) {
    case "IPAMBlock": {
      const tail = blockTail(name);
      if (tail === undefined) throw bad();
      return `${IPAM}assignment/${tail}`;
    }
    case "BlockAffinity": {
      const match = /^(host|virtual)\/([^/]+)\/(.+)$/.exec(name);
      const tail = blockTail(match?.[3] ?? "");
      if (!match || tail === undefined) throw bad();
      return `${IPAM}${match[1]}/${match[2]}/${tail}`;
    }
    case "IPAMHandle":
      if (!isSegment(name)) throw bad();
      return `${IPAM}handle/${name}`;
    case "IPAMConfig":
      if (name !== "default") throw bad();
      return `${IPAM}config`;
    default:
      return undefined;
  }
}

/** `10.0.0.0/26` → `ipv4/block/10.0.0.0-26`. */
function blockTail(cidr: string): string | undefined {
  const match = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(cidr);
  if (!match) return undefined;
  return `${cidr.includes(":") ? "ipv6" : "ipv4"}/block/${match[1]}-${match[2]}`;
}

/** The object behind a key; undefined for keys that are no object of ours (Felix status, host markers, foreign data). */
function objectKey(key: string): ObjectKey | undefined {
  if (key.startsWith(IPAM)) return ipamObject(key.slice(IPAM.length));
  const root = key.startsWith(RESOURCES) ? RESOURCES : key.startsWith(OWN) ? OWN : undefined;
  if (root === undefined) return undefined;
  const [plural = "", ...segments] = key.slice(root.length).split("/");
  const place = placeByPrefix.get(`${root}${plural}/`);
  if (!place || segments.length !== (place.namespaced ? 2 : 1) || segments.includes("")) return undefined;
  const [first = "", second = ""] = segments;
  return place.namespaced ? { kind: place.kind, namespace: first, name: second } : { kind: place.kind, name: first };
}

const BLOCK_PATH = /^(?:assignment|(host|virtual)\/([^/]+))\/ipv([46])\/block\/([^/]+)-(\d{1,3})$/;

function ipamObject(path: string): ObjectKey | undefined {
  if (path === "config") return { kind: "IPAMConfig", name: "default" };
  const handle = /^handle\/([^/]+)$/.exec(path);
  if (handle?.[1] !== undefined) return { kind: "IPAMHandle", name: handle[1] };
  const match = BLOCK_PATH.exec(path);
  if (!match) return undefined;
  const [, type, owner, family, address = "", length] = match;
  const cidr = `${address}/${length}`;
  if (blockTail(cidr) === undefined || address.includes(":") !== (family === "6")) return undefined;
  return type === undefined
    ? { kind: "IPAMBlock", name: cidr }
    : { kind: "BlockAffinity", name: `${type}/${owner}/${cidr}` };
}

/**
 * A key prefix below which every object of the query lies. Others may lie there too (both families of blocks, hosts
 * beside virtual owners): whoever reads it keeps what `objectKey` says is of the kind and has the name prefix.
 */
function etcdPrefix({ kind, namespace, namePrefix = "" }: ListQuery): string {
  switch (kind) {
    case "IPAMBlock":
      return `${IPAM}assignment/`;
    case "BlockAffinity":
      return `${IPAM}${affinityPrefix(namePrefix)}`;
    case "IPAMHandle":
      return `${IPAM}handle/${namePrefix}`;
    case "IPAMConfig":
      return `${IPAM}config`;
  }
  const { prefix, namespaced } = placeOf(kind);
  if (!namespaced) return `${prefix}${namePrefix}`;
  return namespace === undefined ? prefix : `${prefix}${namespace}/${namePrefix}`;
}

/** `host/<node>/…`: as far as the name prefix and the key agree. */
function affinityPrefix(namePrefix: string): string {
  const [type, owner, ...rest] = namePrefix.split("/");
  if (type !== "host" && type !== "virtual") return "";
  if (owner === undefined) return "";
  return rest.length === 0 ? `${type}/${owner}` : `${type}/${owner}/`;
}

/**
 * Prefixes for a watch of several kinds: what is written together is told together below one prefix, so Calico's kinds
 * share one and the IPAM records another. Kinds of our own stay apart: some are written much and watched by few.
 */
function etcdPrefixes(kinds: readonly string[]): readonly string[] {
  const roots = kinds.map((kind): string => {
    if (kind in calicoKinds) return RESOURCES;
    return (ipamKinds as readonly string[]).includes(kind) ? IPAM : OWN;
  });
  const isAlone = (root: string): boolean => roots.indexOf(root) === roots.lastIndexOf(root);
  const prefixes = kinds.map((kind, index) => {
    const root = roots[index] ?? OWN;
    return root === OWN || isAlone(root) ? etcdPrefix({ kind }) : root;
  });
  return [...new Set(prefixes)];
}

export const etcdKeys = { etcdKey, objectKey, etcdPrefix, etcdPrefixes } as const;
