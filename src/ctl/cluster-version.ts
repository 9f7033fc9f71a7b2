/** The versions of client and cluster, and whether they fit: `calicoctl version` and the check before most commands. */
import { CodedError } from "../base/errors.ts";
import type { Store } from "../port/store.ts";
import { textAt } from "../resources/kinds/kind.ts";

export class VersionError extends CodedError<"mismatch", { client: string; cluster: string }> {}

export interface ClusterVersion {
  /** Empty when the cluster does not say. */
  readonly version: string;
  readonly type: string;
}

export async function clusterVersion(store: Store): Promise<ClusterVersion> {
  const stored = await store.get({ kind: "ClusterInformation", name: "default" });
  if (!stored) return { version: "", type: "" };
  return { version: textAt(stored.value, "spec", "calicoVersion"), type: textAt(stored.value, "spec", "clusterType") };
}

/** `v3.32.1-x` → `3.32`: patch releases of one minor version understand each other. */
const minor = (version: string): string =>
  version.replace(/^v/, "").split("-")[0]?.split(".").slice(0, 2).join(".") ?? "";

/**
 * Throws VersionError for a cluster of another minor version. calicoctl demands the same patch version too; that only
 * stops people. A cluster that does not say its version passes.
 */
export async function checkVersion(store: Store, client: string): Promise<void> {
  const { version } = await clusterVersion(store);
  if (version === "" || minor(version) === minor(client)) return;
  const text = `version mismatch.\nClient Version:   ${client}\nCluster Version:  ${version}\nUse --allow-version-mismatch to override`;
  throw new VersionError("mismatch", text, { client, cluster: version });
}

/** The lines of `calicoctl version` that need no cluster. */
export const clientText = (client: string, commit: string): string =>
  `Client Version:    ${client}\nGit commit:        ${commit}\n`;

/** Those of the cluster. */
export const clusterText = ({ version, type }: ClusterVersion): string =>
  `Cluster Version:   ${version || "unknown"}\nCluster Type:      ${type || "unknown"}\n`;
