/** IPReservation: addresses that are never assigned automatically. */
import { subdomainName } from "../names.ts";
import { addressInNetwork, listOf, object, optional } from "../schema/fields.ts";
import { cutCell, type KindRow, nameCell } from "./kind.ts";

export const ipReservation: KindRow = {
  kind: "IPReservation",
  aliases: ["ipreservations", "reservation", "reservations"],
  name: subdomainName,
  spec: object({ reservedCIDRs: optional(listOf(addressInNetwork())) }),
  columns: { NAME: nameCell, CIDRS: cutCell("spec", "reservedCIDRs") },
  narrow: ["NAME"],
  wide: ["NAME", "CIDRS"],
};
