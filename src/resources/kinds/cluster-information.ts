/** ClusterInformation: what the cluster is; the agents keep it. */
import { singletonName } from "../names.ts";
import { flag, object, optional, text } from "../schema/fields.ts";
import { cell, type KindRow, nameCell } from "./kind.ts";

const headings = ["NAME", "CLUSTERGUID", "CLUSTERTYPE", "CALICOVERSION", "DATASTOREREADY"];
const ready = cell("spec", "datastoreReady");

export const clusterInformation: KindRow = {
  kind: "ClusterInformation",
  aliases: ["clusterinformations", "clusterinfo", "clusterinfos"],
  name: singletonName,
  spec: object({
    clusterGUID: optional(text),
    clusterType: optional(text),
    calicoVersion: optional(text),
    datastoreReady: optional(flag),
    variant: optional(text),
  }),
  isReadOnly: true,
  columns: {
    NAME: nameCell,
    CLUSTERGUID: cell("spec", "clusterGUID"),
    CLUSTERTYPE: cell("spec", "clusterType"),
    CALICOVERSION: cell("spec", "calicoVersion"),
    DATASTOREREADY: (object, context) => ready(object, context) || "<nil>",
  },
  narrow: headings,
  wide: headings,
};
