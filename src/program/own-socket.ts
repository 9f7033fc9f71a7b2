/** Where the agent of a host without a lab listens. */
export const OWN_SOCKET = "/var/run/calico/ocicat.sock";
