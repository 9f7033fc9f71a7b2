/** What this program is, and what it is compatible with. */

export const PRODUCT_VERSION = "0.1.0";

/**
 * As Calico's tools compare versions, what stands behind a dash does not count: calicoctl v3.32.1 and this program take
 * each other's clusters for their own.
 */
export const CALICO_VERSION = `v3.32.1-ocicat${PRODUCT_VERSION}`;
