/** CNI specification versions that we speak, oldest first. Calico speaks the first six. */
export const SUPPORTED_VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

export type CniVersion = (typeof SUPPORTED_VERSIONS)[number];

/** What a configuration without `cniVersion` means. */
export const DEFAULT_VERSION: CniVersion = "0.2.0";

export const isSupportedVersion = (text: string): text is CniVersion =>
  (SUPPORTED_VERSIONS as readonly string[]).includes(text);

/** Whether `version` is `wanted` or newer. */
export const isAtLeast = (version: CniVersion, wanted: CniVersion): boolean =>
  SUPPORTED_VERSIONS.indexOf(version) >= SUPPORTED_VERSIONS.indexOf(wanted);
