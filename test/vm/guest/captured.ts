/** The packets of `tcpdump -x`: a line for each, and below its octets. */
export const packetsOf = (text: string): Buffer[] =>
  text
    .split(/^(?=\d\d:\d\d:)/m)
    .map((one) => [...one.matchAll(/^\s+0x[0-9a-f]{4}: {2}(.*)$/gm)].map(([, hex = ""]) => hex).join(""))
    .filter((hex) => hex !== "")
    .map((hex) => Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));
