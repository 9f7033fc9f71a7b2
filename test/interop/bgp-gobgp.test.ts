import { gobgp } from "./bgp/gobgp.ts";
import { bgpInterop } from "./bgp/suite.ts";

bgpInterop(gobgp);
