import { shown } from '@depthcast/book';
import { ORDER_DECIMAL_CHARS_MAX, SYMBOL_PATTERN } from '@depthcast/protocol';

/** A JSON object of unknown shape. */
export type RawInput = Record<string, unknown>;

/** What is wrong with an input: the field, what came, what is allowed. */
export type Check = (input: RawInput) => string | undefined;

const DIGIT_0 = 48;
const DIGIT_9 = 57;
const POINT = 46;

/** The stamps of an input that a market's venue or an account caused. */
export function times(input: RawInput): string | undefined {
  return whole(input, 'tsRecvUs') ?? whole(input, 'tsEventUs');
}

export function whole(input: RawInput, field: string): string | undefined {
  const value = input[field];
  return Number.isSafeInteger(value) && (value as number) >= 0
    ? undefined
    : `${field} ${shown(value)} is not a whole number ≥ 0`;
}

/** Text: the market looks it up, which tells the rest at a tenth of the pattern's 40 ns. */
export function symbol(input: RawInput): string | undefined {
  return typeof input.symbol === 'string' ? undefined : notASymbol(input);
}

/** For inputs whose symbol need not be one that the market knows, and goes into its events all the same. */
export function anySymbol(input: RawInput): string | undefined {
  const value = input.symbol;
  return typeof value === 'string' && SYMBOL_PATTERN.test(value) ? undefined : notASymbol(input);
}

function notASymbol(input: RawInput): string {
  return `symbol ${shown(input.symbol)} is not one such as BTCUSDT or BTCUSDT.P`;
}

export function text(input: RawInput, field: string, charsMin: number, charsMax: number): string | undefined {
  const value = input[field];
  return typeof value === 'string' && value.length >= charsMin && value.length <= charsMax
    ? undefined
    : `${field} ${shown(value)} is not a text of ${charsMin} to ${charsMax} characters`;
}

/** @param allowed what the pattern asks for, in words. */
export function matching(input: RawInput, field: string, pattern: RegExp, allowed: string): string | undefined {
  const value = input[field];
  return typeof value === 'string' && pattern.test(value) ? undefined : `${field} ${shown(value)} is not ${allowed}`;
}

export function decimal(input: RawInput, field: string): string | undefined {
  const value = input[field];
  return typeof value === 'string' ? undefined : `${field} ${shown(value)} is not decimal text such as "12.5"`;
}

/** Of orders, whose every refusal of another kind is for their account to hear, and not of the input. */
export function positiveDecimal(input: RawInput, field: string): string | undefined {
  const value = input[field];
  return typeof value === 'string' && isPositiveDecimal(value)
    ? undefined
    : `${field} ${shown(value)} is not decimal text above 0 such as "12.5", of at most ${ORDER_DECIMAL_CHARS_MAX} characters`;
}

export function list(input: RawInput, field: string): string | undefined {
  const value = input[field];
  return Array.isArray(value) ? undefined : `${field} ${shown(value)} is not a list of [price, size]`;
}

export function oneOf(input: RawInput, field: string, allowed: readonly string[]): string | undefined {
  const value = input[field];
  return typeof value === 'string' && allowed.includes(value)
    ? undefined
    : `${field} ${shown(value)} is not one of ${allowed.join(', ')}`;
}

export function flag(input: RawInput, field: string): string | undefined {
  return typeof input[field] === 'boolean' ? undefined : `${field} ${shown(input[field])} is not true or false`;
}

/** Digits with at most one point between them, not all of them 0. */
function isPositiveDecimal(value: string): boolean {
  const { length } = value;
  if (length > ORDER_DECIMAL_CHARS_MAX) return false;
  let points = 0;
  let isPositive = false;
  for (let i = 0; i < length; i++) {
    const c = value.charCodeAt(i);
    if (c >= DIGIT_0 && c <= DIGIT_9) isPositive ||= c !== DIGIT_0;
    else if (c === POINT && i > 0 && i < length - 1) points++;
    else return false;
  }
  return isPositive && points <= 1;
}
