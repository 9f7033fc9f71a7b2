/** The file of `ocicat bgp run`: YAML or JSON, checked field by field, to the speaker's configuration. */
import * as v from "valibot";
import { CodedError } from "../../base/errors.ts";
import type { SessionConfig, SpeakerConfig } from "../../bgp/config.ts";
import { acceptAll } from "../../bgp/filter/types.ts";
import {
  type Family,
  formatAddress,
  type IpAddress,
  tryParseAddress,
  tryParseIpv4,
  tryParseIpv6,
} from "../../ip/address.ts";
import { tryParsePrefix } from "../../ip/prefix.ts";
import { type PrefixCode, prefixCode } from "../../ip/prefix-code.ts";
import { parseYaml } from "../../resources/input/yaml.ts";
import type { FieldPath } from "../../resources/problems.ts";
import { meantField } from "../../resources/schema/meant-field.ts";

export class BgpFileError extends CodedError<"bgpFile", { file: string; line: number }> {}

export interface BgpFile {
  readonly speaker: SpeakerConfig;
  /** Whether learned routes go into the kernel. */
  readonly kernel: boolean;
  readonly maxPaths: number;
  /** Next hops for routes of a family that a session does not run over. */
  readonly nextHops: { readonly 4?: IpAddress; readonly 6?: IpAddress };
}

const BGP_PORT = 179;

const integer = (least: number, most: number) =>
  v.pipe(
    v.number(`expected a number from ${least} to ${most}`),
    v.integer("expected a whole number"),
    v.minValue(least, `it is ${least} at least`),
    v.maxValue(most, `it is ${most} at most`),
  );

const parsed = <T>(what: string, parse: (text: string) => T | undefined) =>
  v.pipe(
    v.string(`expected ${what}`),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      const value = parse(dataset.value);
      if (value !== undefined) return value;
      addIssue({ message: `'${dataset.value}' is not ${what}` });
      return NEVER;
    }),
  );

const address = parsed("an IP address", tryParseAddress);
const ipv4 = parsed("an IPv4 address", tryParseIpv4);
const ipv6 = parsed("an IPv6 address", tryParseIpv6);
const prefix = parsed("a prefix", tryParsePrefix);
const asn = integer(1, 2 ** 32 - 1);
const port = integer(1, 65535);
const holdTime = v.pipe(
  integer(0, 65535),
  v.check((seconds) => seconds === 0 || seconds >= 3, "expected seconds: 0 for no keepalives, else from 3 to 65535"),
);
const family = v.picklist(["ipv4", "ipv6"], "expected ipv4 or ipv6");

const neighbour = v.strictObject({
  address,
  as: asn,
  name: v.optional(v.string()),
  port: v.optional(port, BGP_PORT),
  role: v.optional(v.picklist(["peer", "client"], "expected peer, or client where this router reflects"), "peer"),
  passive: v.optional(v.boolean("expected true or false"), false),
  families: v.optional(v.pipe(v.array(family), v.minLength(1, "expected ipv4, ipv6 or both")), ["ipv4", "ipv6"]),
  localAs: v.optional(asn),
  localAddress: v.optional(address),
  holdTime: v.optional(holdTime),
  keepalive: v.optional(integer(1, 65535)),
  connectRetry: v.optional(integer(1, 65535), 5),
  password: v.optional(v.pipe(v.string(), v.minBytes(1), v.maxBytes(80, "a TCP MD5 password has 80 octets at most"))),
  ttlSecurity: v.optional(integer(1, 254)),
  nextHop: v.optional(v.picklist(["normal", "self", "keep"], "expected normal, self or keep"), "normal"),
  allowOwnAs: v.optional(integer(0, 10), 0),
  gracefulRestart: v.optional(integer(1, 4095)),
  maxPrefixes: v.optional(integer(1, 2 ** 31)),
});

const file = v.strictObject({
  as: asn,
  routerId: ipv4,
  listen: v.optional(
    v.union(
      [v.literal(false), v.strictObject({ port: v.optional(port, BGP_PORT), addresses: v.optional(v.array(address)) })],
      "expected port and addresses, or false",
    ),
    {},
  ),
  kernel: v.optional(v.boolean("expected true or false"), false),
  maxPaths: v.optional(integer(1, 64), 1),
  holdTime: v.optional(holdTime, 90),
  clusterId: v.optional(ipv4),
  nextHops: v.optional(v.strictObject({ ipv4: v.optional(ipv4), ipv6: v.optional(ipv6) }), {}),
  announce: v.optional(v.array(prefix), []),
  neighbours: v.optional(v.array(neighbour), []),
});

type File = v.InferOutput<typeof file>;
type Neighbour = v.InferOutput<typeof neighbour>;

/** `name` is for messages. Throws BgpFileError and InputError, which name file, line and field. */
export function parseBgpFile(text: string, name: string): BgpFile {
  const [document, ...others] = parseYaml(text, name);
  if (!document || others.length > 0) {
    throw new BgpFileError("bgpFile", `${name}: expected one document`, {
      file: name,
      line: others[0]?.lineOf([]) ?? 1,
    });
  }
  const checked = v.safeParse(file, document.value);
  if (checked.success) return build(checked.output);
  const [issue] = checked.issues;
  const path = (issue.path ?? []).map(({ key }) => (typeof key === "number" ? key : `${key}`));
  const line = document.lineOf(path);
  const field = path.length === 0 ? "the document" : path.join(".");
  const why = issue.expected === "never" ? unknownField(path) : issue.message;
  throw new BgpFileError("bgpFile", `${name}, line ${line}: ${field}: ${why}`, { file: name, line });
}

function unknownField(path: FieldPath): string {
  const remedy = meantField(file, path);
  return `there is no such field${remedy === undefined ? "" : `; ${remedy}`}`;
}

function build(config: File): BgpFile {
  const { as: localAs, routerId, listen, announce, neighbours, nextHops, kernel, maxPaths } = config;
  const sessions = neighbours.map((one): [string, SessionConfig] => {
    const session = sessionOf(one, config);
    return [session.name, session];
  });
  const originated = announce.map((one): [PrefixCode, { about: string }] => [prefixCode(one), { about: "announce" }]);
  return {
    speaker: {
      localAs,
      routerId,
      ...(listen === false
        ? {}
        : { listen: { port: listen.port ?? BGP_PORT, ...given({ addresses: listen.addresses }) } }),
      sessions: new Map(sessions),
      originated: new Map(originated),
    },
    kernel,
    maxPaths,
    nextHops: given({ 4: nextHops.ipv4, 6: nextHops.ipv6 }),
  };
}

function sessionOf(one: Neighbour, config: File): SessionConfig {
  return {
    name: one.name ?? formatAddress(one.address),
    peer: { address: one.address, port: one.port, asn: one.as },
    localAs: one.localAs ?? config.as,
    passive: one.passive,
    families: one.families.map((name): Family => (name === "ipv4" ? 4 : 6)),
    holdTimeSeconds: one.holdTime ?? config.holdTime,
    connectRetrySeconds: one.connectRetry,
    isReflectorClient: one.role === "client",
    nextHop: one.nextHop,
    allowedOwnAs: one.allowOwnAs,
    importFilter: acceptAll,
    exportFilter: acceptAll,
    ...given({
      localAddress: one.localAddress,
      keepaliveSeconds: one.keepalive,
      password: one.password,
      ttlSecurityHops: one.ttlSecurity,
      clusterId: config.clusterId,
      restartTimeSeconds: one.gracefulRestart,
      maxPrefixes: one.maxPrefixes,
    }),
  };
}

type Given<T> = { -readonly [Key in keyof T]?: Exclude<T[Key], undefined> };

/** Without the fields that are not set. */
const given = <T extends object>(fields: T): Given<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;
