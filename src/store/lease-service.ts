/** etcdserverpb.Lease. */
import type { RpcMethods, StreamHandler } from "../port/rpc.ts";
import { leaseMethods } from "../wire/etcd/services.ts";
import { grpcFrame } from "../wire/grpc-frames.ts";
import { decode } from "../wire/protobuf.ts";
import type { Leases } from "./leases.ts";
import type { Mvcc } from "./mvcc.ts";
import { type HeaderAt, stream, unary } from "./service.ts";

export interface LeaseServiceDeps {
  readonly mvcc: Mvcc;
  readonly leases: Leases;
  readonly header: HeaderAt;
}

export function leaseService({ mvcc, leases, header }: LeaseServiceDeps): RpcMethods {
  const now = () => header(mvcc.revision);
  const { grant, revoke, keepAlive, timeToLive, leases: list } = leaseMethods;
  return {
    ...unary(grant, async ({ id, ttl }) => {
      const lease = await leases.grant(id, ttl);
      return { header: now(), id: lease.id, ttl: lease.ttlSeconds };
    }),
    ...unary(revoke, async ({ id }) => {
      await leases.revoke(id);
      return { header: now() };
    }),
    ...stream(keepAlive.path, (call): StreamHandler => {
      return {
        message: (octets) => {
          const { id } = decode(keepAlive.request, octets);
          call.send(grpcFrame(keepAlive.response, { header: now(), id, ttl: leases.keepAlive(id) ?? 0 }));
        },
        drained: () => {},
        ended: () => call.end(),
        closed: () => {},
      };
    }),
    ...unary(timeToLive, ({ id, keys }) => {
      const state = leases.state(id);
      if (!state) return { header: now(), id, ttl: -1 };
      const { ttlSeconds: ttl, grantedTtlSeconds: grantedTtl } = state;
      return { header: now(), id, ttl, grantedTtl, keys: keys ? state.keys : [] };
    }),
    ...unary(list, () => ({ header: now(), leases: leases.ids().map((id) => ({ id })) })),
  };
}
