/** The result of ADD that a runtime kept and hands over with CHECK (`prevResult`), in the shape of any CNI version. */
import type { JsonObject } from "../base/json.ts";
import { arrayOf, objectOf, textOf } from "../base/json-fields.ts";

/**
 * Addresses of the pod's interface, as they are written there. An entry that names another interface is another plugin's; one
 * that names none, as before CNI 0.3.0 and as an IPAM plugin answers, counts.
 */
export function addressesIn(result: JsonObject, ifName: string): readonly string[] {
  const interfaces = arrayOf(result["interfaces"]).map(objectOf);
  const listed = arrayOf(result["ips"]).flatMap((entry) => {
    const { address, interface: index } = objectOf(entry);
    const named = typeof index === "number" ? interfaces[index] : undefined;
    return named === undefined || named["name"] === ifName ? [textOf(address) ?? ""] : [];
  });
  const old = ["ip4", "ip6"].flatMap((family) => textOf(objectOf(result[family])["ip"]) ?? []);
  return [...listed, ...old];
}
