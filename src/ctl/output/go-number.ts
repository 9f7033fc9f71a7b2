/** Numbers as Go's fmt prints them in `ipam show`. */

/** `%.5g`: five significant digits, an exponent from 100,000 on. */
export function fiveDigits(value: number): string {
  if (value === 0) return "0";
  const [mantissa = "", power = "0"] = value.toExponential(4).split("e");
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 5) return String(Number(value.toPrecision(5)));
  const sign = exponent < 0 ? "-" : "+";
  return `${String(Number(mantissa))}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** `%.f`: to the nearest integer, halves to the even one. */
export function wholeNumber(value: number): string {
  const floor = Math.floor(value);
  const rest = value - floor;
  const isUp = rest > 0.5 || (rest === 0.5 && floor % 2 === 1);
  return String(isUp ? floor + 1 : floor);
}
