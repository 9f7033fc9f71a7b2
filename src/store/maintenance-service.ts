/** etcdserverpb.Maintenance, Cluster and Auth, as far as a store of one member has something to say. */
import { crc32 } from "node:zlib";
import type { RevisionLog } from "../port/revision-log.ts";
import type { RpcMethods } from "../port/rpc.ts";
import { authStatusMethod, maintenanceMethods, memberListMethod } from "../wire/etcd/services.ts";
import type { Compactor } from "./compactor.ts";
import { authNotEnabled } from "./errors.ts";
import type { Lane } from "./lane.ts";
import type { Mvcc } from "./mvcc.ts";
import { type HeaderAt, unary } from "./service.ts";

/** The etcd whose API this is: what clients decide by. */
const API_VERSION = "3.4.0";

export interface MaintenanceDeps {
  readonly mvcc: Mvcc;
  readonly log: RevisionLog;
  readonly compactor: Compactor;
  readonly lane: Lane;
  readonly header: HeaderAt;
  /** Where clients reach the store, for `member list`. */
  readonly clientUrls: () => readonly string[];
}

export function maintenanceService(deps: MaintenanceDeps): RpcMethods {
  const { mvcc, log, compactor, header, clientUrls } = deps;
  const now = () => header(mvcc.revision);
  const { status, alarm, defragment, hash, hashKv } = maintenanceMethods;
  return {
    ...unary(status, () => {
      const { octets: dbSize, octetsInUse: dbSizeInUse } = log.size();
      const raftIndex = mvcc.sequence;
      const raft = { leader: log.memberId, raftIndex, raftTerm: log.term, raftAppliedIndex: raftIndex };
      return { header: now(), version: API_VERSION, dbSize, dbSizeInUse, ...raft };
    }),
    // A disk that is full shows in each write's own answer; there is no alarm to be raised or disarmed.
    ...unary(alarm, () => ({ header: now() })),
    ...unary(defragment, async () => {
      await compactor.defragment();
      return { header: now() };
    }),
    ...unary(hash, async () => ({ header: now(), hash: await hashAt(deps, mvcc.revision) })),
    ...unary(hashKv, async ({ revision }) => {
      const { compactedRevision: compactRevision } = mvcc;
      return { header: now(), hash: await hashAt(deps, revision > 0 ? revision : mvcc.revision), compactRevision };
    }),
    ...unary(memberListMethod, () => {
      const member = { id: log.memberId, name: "ocicat", peerUrls: [], clientUrls: clientUrls(), isLearner: false };
      return { header: now(), members: [member] };
    }),
    ...unary(authStatusMethod, () => ({ header: now() })),
    "/etcdserverpb.Auth/Authenticate": {
      type: "unary",
      answer: () => {
        throw authNotEnabled();
      },
    },
  };
}

/** A CRC over what was there at a revision: the same for the same content, for nothing but telling copies of this store apart. */
async function hashAt({ mvcc, lane }: MaintenanceDeps, revision: number): Promise<number> {
  let hash = 0;
  await lane.each(mvcc.selectAt({ begin: "", end: undefined }, revision), (found) => {
    const item = typeof found === "number" ? mvcc.itemAt(found) : mvcc.withValue(found);
    const { key, createRevision, modRevision, version, lease, value } = item;
    hash = crc32([key.length, key, createRevision, modRevision, version, lease, value].join(), hash);
  });
  return hash;
}
