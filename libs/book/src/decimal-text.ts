import { Scale } from '@depthcast/protocol';

const DIGIT_0 = 48;
const POINT = 46;

/**
 * The one spelling of a decimal that {@link Scale.parse} has accepted: exactly the scale's decimals, no leading
 * zeros. Same as `scale.format(scale.parse(text))`, but nearly always a slice of what came: Binance pads its
 * numbers with zeros.
 */
export function canonicalText(scale: Scale, text: string): string {
  const { decimals } = scale;
  const point = text.indexOf('.');
  if (text.charCodeAt(0) !== DIGIT_0 || text.charCodeAt(1) === POINT || text.length === 1) {
    if (decimals === 0) return point < 0 ? text : text.slice(0, point);
    const end = point + 1 + decimals;
    if (point > 0 && text.length >= end) return text.length === end ? text : text.slice(0, end);
  }
  return scale.format(scale.parse(text));
}

/**
 * The price half way between two, exact: one decimal more than the scale has when it falls between two units
 * (`100.01` and `100.02` give `100.015`).
 */
export function midText(scale: Scale, bid: number, ask: number): string {
  // From the bid up, because bid + ask may be beyond 2^53 where each of them is not.
  const gap = (ask - bid) * scale.stepUnits;
  const half = Math.floor(gap / 2);
  const text = Scale.ofDecimals(scale.decimals).format(bid * scale.stepUnits + half);
  if (gap === half * 2) return text;
  return scale.decimals === 0 ? `${text}.5` : `${text}5`;
}
