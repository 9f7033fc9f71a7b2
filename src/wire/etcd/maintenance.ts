/** Messages of etcd v3's `Maintenance`, `Cluster` and `Auth` services, as far as clients ask a store of one member. */
import { bool, int64, message, nested, repeated, string, unsignedId } from "../protobuf.ts";
import { header } from "./kv.ts";

export const statusResponse = message({
  header: [1, header],
  version: [2, string],
  /** Octets. */
  dbSize: [3, int64],
  /** A member's id. */
  leader: [4, unsignedId],
  raftIndex: [5, int64],
  raftTerm: [6, int64],
  raftAppliedIndex: [7, int64],
  errors: [8, repeated(string)],
  dbSizeInUse: [9, int64],
  isLearner: [10, bool],
});

export const hashResponse = message({ header: [1, header], hash: [2, int64] });
export const hashKvRequest = message({ revision: [1, int64] });
export const hashKvResponse = message({ header: [1, header], hash: [2, int64], compactRevision: [3, int64] });

const alarmMember = message({ memberId: [1, unsignedId], alarm: [2, int64] });
export const alarmRequest = message({ action: [1, int64], memberId: [2, unsignedId], alarm: [3, int64] });
export const alarmResponse = message({ header: [1, header], alarms: [2, repeated(nested(() => alarmMember))] });

const member = message({
  id: [1, unsignedId],
  name: [2, string],
  peerUrls: [3, repeated(string)],
  clientUrls: [4, repeated(string)],
  isLearner: [5, bool],
});
export const memberListRequest = message({ linearizable: [1, bool] });
export const memberListResponse = message({ header: [1, header], members: [2, repeated(nested(() => member))] });

export const authStatusResponse = message({ header: [1, header], enabled: [2, bool], authRevision: [3, int64] });
