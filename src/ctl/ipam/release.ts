/** ipam release --ip: takes an address from whoever holds it. */
import { formatAddress, type IpAddress } from "../../ip/address.ts";
import { Ipam, type IpamDeps } from "../../ipam/ipam.ts";
import type { Io } from "../verbs/outcome.ts";

/** Gives the exit code. */
export async function releaseAddress(deps: IpamDeps, address: IpAddress, io: Io): Promise<number> {
  const free = await new Ipam(deps).releaseIps([{ address }]);
  if (free.length > 0) {
    io.err(`IP address ${formatAddress(address)} is not assigned\n`);
    return 1;
  }
  io.out(`Successfully released IP address ${formatAddress(address)}\n`);
  return 0;
}
