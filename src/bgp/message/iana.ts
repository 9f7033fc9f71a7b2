/**
 * Code points of BGP by their names in IANA's registries
 * (https://www.iana.org/assignments/bgp-parameters, capability-codes, bgp-extended-messages). What is ours alone stands elsewhere.
 */

/** BGP Message Types. */
export const MessageType = { open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5 } as const;

/** BGP Path Attributes. */
export const AttributeCode = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  multiExitDisc: 4,
  localPref: 5,
  atomicAggregate: 6,
  aggregator: 7,
  communities: 8,
  originatorId: 9,
  clusterList: 10,
  mpReachNlri: 14,
  mpUnreachNlri: 15,
  extendedCommunities: 16,
  as4Path: 17,
  as4Aggregator: 18,
  largeCommunities: 32,
} as const;

/** The high bits of an attribute's first octet (RFC 4271 section 4.3). */
export const AttributeFlag = { optional: 0x80, transitive: 0x40, partial: 0x20, extendedLength: 0x10 } as const;

/** BGP OPEN Optional Parameter Types; `extendedLength` is RFC 9072's mark. */
export const OptionalParameter = { capabilities: 2, extendedLength: 255 } as const;

/** Capability Codes. */
export const CapabilityCode = {
  multiprotocol: 1,
  routeRefresh: 2,
  extendedMessage: 6,
  gracefulRestart: 64,
  fourOctetAs: 65,
  enhancedRouteRefresh: 70,
} as const;

/** Address Family Numbers, and Subsequent Address Family Identifiers. */
export const AddressFamily = { ipv4: 1, ipv6: 2 } as const;
export const SAFI_UNICAST = 1;

/** BGP Error (Notification) Codes. */
export const ErrorCode = {
  messageHeader: 1,
  openMessage: 2,
  updateMessage: 3,
  holdTimerExpired: 4,
  finiteStateMachine: 5,
  cease: 6,
  routeRefreshMessage: 7,
  /** RFC 9687. */
  sendHoldTimerExpired: 8,
} as const;

/** Message Header Error subcodes. */
export const HeaderError = { notSynchronized: 1, badLength: 2, badType: 3 } as const;

/** OPEN Message Error subcodes. */
export const OpenError = {
  unspecific: 0,
  unsupportedVersion: 1,
  badPeerAs: 2,
  badIdentifier: 3,
  unsupportedParameter: 4,
  unacceptableHoldTime: 6,
  unsupportedCapability: 7,
} as const;

/** BGP Finite State Machine Error Subcodes (RFC 6608): the state that a message was not expected in. */
export const MachineError = { openSent: 1, openConfirm: 2, established: 3 } as const;

/** UPDATE Message Error subcodes. */
export const UpdateError = {
  malformedAttributeList: 1,
  unrecognizedWellKnown: 2,
  optionalAttribute: 9,
  invalidNetworkField: 10,
} as const;

/** Cease NOTIFICATION subcodes (RFC 4486, RFC 8538). */
export const CeaseReason = {
  maximumPrefixes: 1,
  administrativeShutdown: 2,
  peerDeconfigured: 3,
  administrativeReset: 4,
  connectionRejected: 5,
  otherConfigurationChange: 6,
  collisionResolution: 7,
  outOfResources: 8,
  hardReset: 9,
} as const;

/** ROUTE-REFRESH Message Error subcodes (RFC 7313). */
export const RefreshError = { invalidLength: 1 } as const;

/** Names of error codes and, below each, of its subcodes. */
export const errorNames: ReadonlyMap<
  number,
  { readonly name: string; readonly subcodes: ReadonlyMap<number, string> }
> = new Map(
  (
    [
      [1, "Message Header Error", { 1: "Connection Not Synchronized", 2: "Bad Message Length", 3: "Bad Message Type" }],
      [
        2,
        "OPEN Message Error",
        {
          1: "Unsupported Version Number",
          2: "Bad Peer AS",
          3: "Bad BGP Identifier",
          4: "Unsupported Optional Parameter",
          6: "Unacceptable Hold Time",
          7: "Unsupported Capability",
          11: "Role Mismatch",
        },
      ],
      [
        3,
        "UPDATE Message Error",
        {
          1: "Malformed Attribute List",
          2: "Unrecognized Well-known Attribute",
          3: "Missing Well-known Attribute",
          4: "Attribute Flags Error",
          5: "Attribute Length Error",
          6: "Invalid ORIGIN Attribute",
          8: "Invalid NEXT_HOP Attribute",
          9: "Optional Attribute Error",
          10: "Invalid Network Field",
          11: "Malformed AS_PATH",
        },
      ],
      [4, "Hold Timer Expired", {}],
      [
        5,
        "Finite State Machine Error",
        {
          1: "Unexpected Message in OpenSent State",
          2: "Unexpected Message in OpenConfirm State",
          3: "Unexpected Message in Established State",
        },
      ],
      [
        6,
        "Cease",
        {
          1: "Maximum Number of Prefixes Reached",
          2: "Administrative Shutdown",
          3: "Peer De-configured",
          4: "Administrative Reset",
          5: "Connection Rejected",
          6: "Other Configuration Change",
          7: "Connection Collision Resolution",
          8: "Out of Resources",
          9: "Hard Reset",
          10: "BFD Down",
        },
      ],
      [7, "ROUTE-REFRESH Message Error", { 1: "Invalid Message Length" }],
      [8, "Send Hold Timer Expired", {}],
    ] as const
  ).map(([code, name, subcodes]) => [
    code,
    { name, subcodes: new Map(Object.entries(subcodes).map(([subcode, text]) => [Number(subcode), text])) },
  ]),
);
