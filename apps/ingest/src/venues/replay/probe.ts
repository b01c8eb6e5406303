import { DepthcastError, type DepthRule, Scale, SYMBOL_PATTERN } from '@depthcast/protocol';
import { type MarketSymbol, marketSymbol } from '../binance/market-symbol.ts';
import { loosestTrading } from '../trading.ts';
import { captureLines, parseCaptureLine } from './capture.ts';

const PROBE_LINES_MAX = 10_000;

export interface Probe {
  readonly market: MarketSymbol;
  /** Receive time of the first line. */
  readonly firstUs: number;
}

interface DepthMessage {
  readonly e?: unknown;
  readonly s?: unknown;
  readonly pu?: unknown;
  readonly b?: unknown;
  readonly a?: unknown;
}

/**
 * Reads the beginning of a capture, up to its first depth message, for what a capture does not say of itself: spot or
 * USD-M (whose diffs have `pu`), the symbol, and the decimals its numbers are written with, unless given.
 *
 * @throws DepthcastError `CONFIG_INVALID` when there is no such file or it is not a capture.
 */
export async function probeCapture(file: string, tick?: string, step?: string): Promise<Probe> {
  let firstUs: number | undefined;
  let lines = 0;
  try {
    for await (const batch of captureLines(file)) {
      for (const line of batch) {
        if (++lines > PROBE_LINES_MAX)
          throw notACapture(file, `no depth message in its first ${PROBE_LINES_MAX} lines`);
        const parsed = parseCaptureLine(line);
        if (!parsed) continue;
        firstUs ??= parsed.tsRecvUs;
        const market = marketOf(parsed.text, tick, step);
        if (market) return { market, firstUs };
      }
    }
  } catch (error) {
    if (error instanceof DepthcastError) throw error;
    throw notACapture(file, `cannot be read: ${(error as Error).message}`);
  }
  throw notACapture(file, lines === 0 ? 'empty' : 'no depth message in it');
}

function marketOf(text: string, tick?: string, step?: string): MarketSymbol | undefined {
  const data = depthMessageOf(text);
  const level = levelsOf(data?.b)[0] ?? levelsOf(data?.a)[0];
  if (!data || typeof data.s !== 'string' || !SYMBOL_PATTERN.test(data.s) || !level) return undefined;
  const rule: DepthRule = data.pu === undefined ? 'spot' : 'usdm';
  const sizeStep = step ?? stepOfText(String(level[1]));
  // A capture does not say what orders must fit, so paper orders on it may be anything the book can show.
  const trading = loosestTrading(data.s, Scale.ofStep(sizeStep));
  return marketSymbol(data.s, rule, tick ?? stepOfText(String(level[0])), sizeStep, trading);
}

function depthMessageOf(text: string): DepthMessage | undefined {
  try {
    const message = JSON.parse(text) as { data?: DepthMessage } & DepthMessage;
    const data = message.data ?? message;
    return data.e === 'depthUpdate' ? data : undefined;
  } catch {
    return undefined;
  }
}

function levelsOf(side: unknown): unknown[][] {
  return Array.isArray(side) ? side.filter((level) => Array.isArray(level)) : [];
}

/** Binance writes every number of a symbol with the same decimals: `61837.63000000` moves in steps of 0.00000001. */
function stepOfText(text: string): string {
  const point = text.indexOf('.');
  return point < 0 ? '1' : `0.${'1'.padStart(text.length - point - 1, '0')}`;
}

function notACapture(file: string, why: string): DepthcastError {
  return new DepthcastError(
    'CONFIG_INVALID',
    `REPLAY_FILE: got ${JSON.stringify(file)}, ${why}; takes a capture of Binance's streams, plain or gzip, ` +
      'one "<receive time in ns> <raw JSON>" a line',
  );
}
