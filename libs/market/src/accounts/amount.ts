import { DepthcastError } from '@depthcast/protocol';
import { decimalText, divideHalfUp } from '../folds/number-text.ts';

/** Amounts of assets are whole numbers of 10^-18, in bigints: exact, however large. */
export const AMOUNT_DECIMALS = 18;
export const AMOUNT_ONE = 10n ** BigInt(AMOUNT_DECIMALS);
/** No account begins with more of an asset, and no order comes to more: a million billions. */
export const AMOUNT_MAX = 10n ** 15n * AMOUNT_ONE;

const DIGIT_0 = 48;
const POINT = 46;
const TEXT_CHARS_MAX = 40;
const AMOUNT_PATTERN = /^(\d+)(?:\.(\d+))?$/;

/**
 * Plain decimal text such as `12.5`.
 *
 * @throws DepthcastError `DECIMAL_INVALID` when it is none, `DECIMAL_OFF_STEP` beyond 18 decimals, naming `field`.
 */
export function parseAmount(text: string, field: string): bigint {
  const [, whole, fraction = ''] = (text.length <= TEXT_CHARS_MAX && AMOUNT_PATTERN.exec(text)) || [];
  if (whole === undefined) {
    const shown = JSON.stringify(text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}…` : text);
    throw new DepthcastError('DECIMAL_INVALID', `${field} ${shown} is not a plain decimal such as 12.5`);
  }
  const digits = trimmed(`.${fraction}`).slice(1);
  if (digits.length > AMOUNT_DECIMALS) {
    throw new DepthcastError('DECIMAL_OFF_STEP', `${field} "${text}" has more than ${AMOUNT_DECIMALS} decimals`);
  }
  return BigInt(whole + digits.padEnd(AMOUNT_DECIMALS, '0'));
}

/** Exact, of either sign, without trailing zeros: `-0.5`, `12`. */
export function amountText(amount: bigint): string {
  if (amount < 0n) return `-${amountText(-amount)}`;
  const whole = amount / AMOUNT_ONE;
  const fraction = amount - whole * AMOUNT_ONE;
  if (fraction === 0n) return whole.toString();
  return trimmed(`${whole}.${fraction.toString().padStart(AMOUNT_DECIMALS, '0')}`);
}

/** Decimal text without the zeros that end its fraction. */
export function trimmed(text: string): string {
  if (!text.includes('.')) return text;
  let end = text.length;
  while (text.charCodeAt(end - 1) === DIGIT_0) end--;
  if (text.charCodeAt(end - 1) === POINT) end--;
  return end === text.length ? text : text.slice(0, end);
}

/** `quote ÷ base` with so many decimals, halves up, without trailing zeros; 0 of nothing. */
export function averageText(quote: bigint, base: bigint, decimals: number): string {
  if (base === 0n) return '0';
  return trimmed(decimalText(divideHalfUp(quote * 10n ** BigInt(decimals), base), decimals));
}
