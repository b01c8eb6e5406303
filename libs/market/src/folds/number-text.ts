import { Scale } from '@depthcast/protocol';

/** Averages have this many decimals more than the prices they are made of. */
export const AVERAGE_EXTRA_DECIMALS = 2;
const AVERAGE_FACTOR = 10n ** BigInt(AVERAGE_EXTRA_DECIMALS);
const RATIO_DECIMALS = 6;
const RATIO_SCALE = Scale.ofDecimals(RATIO_DECIMALS);
const RATIO_UNITS = 10n ** BigInt(RATIO_DECIMALS);

/** Whole units ≥ 0 of 10^-decimals as decimal text, however many they are. */
export function decimalText(units: bigint, decimals: number): string {
  const digits = units.toString();
  if (decimals === 0) return digits;
  const padded = digits.length > decimals ? digits : digits.padStart(decimals + 1, '0');
  const point = padded.length - decimals;
  return `${padded.slice(0, point)}.${padded.slice(point)}`;
}

/** Nearest whole quotient of whole numbers ≥ 0, halves up. */
export function divideHalfUp(dividend: bigint, divisor: bigint): bigint {
  return (dividend * 2n + divisor) / (divisor * 2n);
}

/** `ticks ÷ divisor` as a price with {@link AVERAGE_EXTRA_DECIMALS} more decimals, halves up. */
export function averageText(prices: Scale, ticks: bigint, divisor: bigint): string {
  const units = divideHalfUp(ticks * BigInt(prices.stepUnits) * AVERAGE_FACTOR, divisor);
  return decimalText(units, prices.decimals + AVERAGE_EXTRA_DECIMALS);
}

/** A quotient of sums ≥ 0 with 6 decimals, halves up. */
export function quotientText(dividend: bigint, divisor: bigint): string {
  return decimalText(divideHalfUp(dividend * RATIO_UNITS, divisor), RATIO_DECIMALS);
}

/** A double in −1 … 1 with 6 decimals. */
export function shareText(share: number): string {
  const units = Math.round(Math.abs(share) * 1e6);
  return share < 0 && units > 0 ? `-${RATIO_SCALE.format(units)}` : RATIO_SCALE.format(units);
}

/** Steps that need not be whole, nor safe, as decimal text of the scale. */
export function roundedText(scale: Scale, steps: number): string {
  return decimalText(BigInt(Math.round(steps)) * BigInt(scale.stepUnits), scale.decimals);
}

/** Steps of either sign. */
export function signedText(scale: Scale, steps: number): string {
  return steps < 0 ? `-${scale.format(-steps)}` : scale.format(steps);
}
