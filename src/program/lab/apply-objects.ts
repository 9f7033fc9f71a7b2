/** The resources that a topology starts with, applied to the lab's store as `ocicat apply` does it. */
import { SystemClock } from "../../adapter/clock.ts";
import { EtcdStore } from "../../adapter/store/etcd-store.ts";
import { CodedError } from "../../base/errors.ts";
import { formatJson, type JsonObject } from "../../base/json.ts";
import { targetsOfTexts } from "../../ctl/verbs/targets.ts";
import { apply } from "../../ctl/verbs/write-verbs.ts";
import { etcdKeys } from "../../resources/etcd-keys.ts";
import { withClient } from "../ctl/session.ts";
import type { ProcessHost } from "../process-host.ts";

class TopologyObjectsError extends CodedError<"refused", object> {}

/** Throws TopologyObjectsError with what `apply` says against them, InputError, StoreError. */
export async function applyObjects(
  host: ProcessHost,
  storeSocket: string,
  topology: string,
  objects: readonly JsonObject[],
): Promise<void> {
  if (objects.length === 0) return;
  const name = `resources of topology ${topology}`;
  const targets = targetsOfTexts({ texts: [{ name, text: formatJson(objects) }] }, false);
  const clock = new SystemClock();
  const open = async () => new EtcdStore({ endpoints: [`unix://${storeSocket}`], keys: etcdKeys, clock });
  const session = { host, world: { open, clock }, options: {}, writes: true };
  let said = "";
  const collect = (text: string) => {
    said += text;
  };
  const code = await withClient(session, ({ client }) =>
    apply(targets, {}, { client, io: { out: collect, err: collect } }),
  );
  if (code !== 0) throw new TopologyObjectsError("refused", `the ${name} are refused:\n${said}`, {});
}
