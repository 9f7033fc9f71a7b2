/** Whether something listens on a TCP port of a network namespace, by /proc/net/tcp and tcp6 (proc(5)). */

const LISTEN = "0A";

/** Lines are `sl local_address rem_address st …`; addresses are `HEX:HEXPORT`. */
export const listensOn = (procNetTcp: string, port: number): boolean =>
  procNetTcp.split("\n").some((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/);
    return state === LISTEN && Number.parseInt(local.slice(local.lastIndexOf(":") + 1), 16) === port;
  });
