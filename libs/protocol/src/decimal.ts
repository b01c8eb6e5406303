import { DepthcastError } from './errors.ts';
import { quote } from './parameters.ts';

const DECIMALS_MAX = 15;
const DIGIT_0 = 48;
const DIGIT_9 = 57;
const POINT = 46;

/**
 * Exact decimals of one step size: prices in ticks, sizes in lots. Text goes in and out; inside it is a safe integer
 * count of steps. A value off the step or beyond range is an error, never rounded.
 *
 * @example Scale.ofStep('0.01').parse('61837.63') === 6183763
 */
export class Scale {
  /** Decimals in formatted text. */
  readonly decimals: number;
  /** Step in units of 10^-decimals: 1 for 0.01, 5 for 0.05. */
  readonly stepUnits: number;
  /** The most steps of which the text is exact: those that are at most 2^53 − 1 units. */
  readonly stepsMax: number;
  readonly #pow: number;

  private constructor(decimals: number, stepUnits: number) {
    this.decimals = decimals;
    this.stepUnits = stepUnits;
    this.stepsMax = Math.floor(Number.MAX_SAFE_INTEGER / stepUnits);
    this.#pow = 10 ** decimals;
  }

  /**
   * @param step the smallest increment as text, such as `0.01`, `0.05`, `0.01000000` or `25`.
   * @throws DepthcastError `DECIMAL_INVALID` when it is not a positive decimal of at most 15 decimals.
   */
  static ofStep(step: string): Scale {
    if (!/^\d{1,15}(\.\d{1,15})?$/.test(step) || !(Number(step) > 0)) {
      throw new DepthcastError('DECIMAL_INVALID', `step ${quote(step)} is not a positive decimal such as 0.01`);
    }
    const fraction = (step.split('.')[1] ?? '').replace(/0+$/, '');
    const units = Number(step.split('.')[0] + fraction);
    if (!Number.isSafeInteger(units))
      throw new DepthcastError('DECIMAL_OUT_OF_RANGE', `step ${quote(step)} is too large`);
    return new Scale(fraction.length, units);
  }

  /** A step of one unit in the last of `decimals` places. */
  static ofDecimals(decimals: number): Scale {
    if (!Number.isInteger(decimals) || decimals < 0 || decimals > DECIMALS_MAX) {
      throw new DepthcastError(
        'DECIMAL_INVALID',
        `decimals ${decimals} is not a whole number from 0 to ${DECIMALS_MAX}`,
      );
    }
    return new Scale(decimals, 1);
  }

  /** The scale that a text was written in: as many decimals as it shows. For readers of our own wire text. */
  static ofText(text: string): Scale {
    const point = text.indexOf('.');
    return Scale.ofDecimals(point < 0 ? 0 : text.length - point - 1);
  }

  /** The step as text. */
  get step(): string {
    return this.format(1);
  }

  /**
   * @returns the number of steps, a safe integer ≥ 0.
   * @throws DepthcastError `DECIMAL_INVALID`, `DECIMAL_OFF_STEP` or `DECIMAL_OUT_OF_RANGE`, naming `field`.
   */
  parse(text: string, field = 'value'): number {
    // One pass over the characters: this runs for every price and size of every message, and Number() plus a
    // multiplication would be slower and inexact.
    let units = 0;
    let decimals = -1;
    const length = text.length;
    for (let i = 0; i < length; i++) {
      const c = text.charCodeAt(i);
      if (c >= DIGIT_0 && c <= DIGIT_9) {
        if (decimals < 0) units = units * 10 + (c - DIGIT_0);
        else if (decimals < this.decimals) {
          units = units * 10 + (c - DIGIT_0);
          decimals++;
        } else if (c !== DIGIT_0) throw offStep(text, field, this.step);
      } else if (c === POINT && decimals < 0 && i > 0 && i < length - 1) decimals = 0;
      else throw invalid(text, field);
    }
    if (length === 0) throw invalid(text, field);
    for (let missing = this.decimals - Math.max(decimals, 0); missing > 0; missing--) units *= 10;
    if (units > Number.MAX_SAFE_INTEGER) throw outOfRange(text, field);
    if (this.stepUnits === 1) return units;
    if (units % this.stepUnits !== 0) throw offStep(text, field, this.step);
    return units / this.stepUnits;
  }

  /**
   * Text with exactly `decimals` places, the same for the same number everywhere.
   *
   * @param steps at most {@link stepsMax}.
   */
  format(steps: number): string {
    const units = steps * this.stepUnits;
    if (this.decimals === 0) return String(units);
    const whole = Math.floor(units / this.#pow);
    return `${whole}.${String(units - whole * this.#pow).padStart(this.decimals, '0')}`;
  }

  /** The same of a sum, which may be beyond {@link stepsMax}. */
  formatSum(steps: bigint): string {
    const digits = String(steps * BigInt(this.stepUnits)).padStart(this.decimals + 1, '0');
    if (this.decimals === 0) return digits;
    return `${digits.slice(0, -this.decimals)}.${digits.slice(-this.decimals)}`;
  }

  /** The nearest double, for formulas whose result is not exact anyway. */
  toNumber(steps: number): number {
    return (steps * this.stepUnits) / this.#pow;
  }
}

function invalid(text: string, field: string): DepthcastError {
  return new DepthcastError('DECIMAL_INVALID', `${field} ${quote(String(text))} is not a plain decimal such as 12.5`);
}

function offStep(text: string, field: string, step: string): DepthcastError {
  return new DepthcastError('DECIMAL_OFF_STEP', `${field} ${quote(text)} is not a multiple of ${step}`);
}

function outOfRange(text: string, field: string): DepthcastError {
  return new DepthcastError(
    'DECIMAL_OUT_OF_RANGE',
    `${field} ${quote(text)} is beyond ${Number.MAX_SAFE_INTEGER} steps`,
  );
}
