import { frr } from "./bgp/frr.ts";
import { bgpInterop } from "./bgp/suite.ts";

bgpInterop(frr);
