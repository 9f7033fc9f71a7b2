import { parseAddress } from "../ip/address.ts";
import { bgpTransportContract } from "./bgp-transport-contract.ts";
import { FakeClock } from "./fake-clock.ts";
import { MemoryBgpNetwork, type MemoryBgpTransport } from "./memory-bgp-transport.ts";

const STEP_MS = 5;
const LONGEST_MS = 60_000;

bgpTransportContract("memory", (_t, hops) => {
  const clock = new FakeClock();
  const network = new MemoryBgpNetwork(clock);
  network.hops = hops;
  const sideOf = (ipv4Text: string, ipv6Text: string) => {
    const [ipv4, ipv6] = [parseAddress(ipv4Text), parseAddress(ipv6Text)];
    const transport: MemoryBgpTransport = network.host(ipv4, ipv6);
    return { transport, ipv4, ipv6 };
  };
  const [left, right] = [sideOf("10.0.0.1", "fd00::1"), sideOf("10.0.0.2", "fd00::2")];
  return {
    left,
    right,
    silence: (isSilent) => network.silence(left.ipv4, right.ipv4, isSilent),
    until: async (what, holds) => {
      for (let waited = 0; !holds(); waited += STEP_MS) {
        if (waited > LONGEST_MS) throw new Error(`waited in vain for ${what}`);
        await clock.advance(STEP_MS);
      }
    },
  };
});
