import { bird } from "./bgp/bird.ts";
import { bgpInterop } from "./bgp/suite.ts";

bgpInterop(bird);
