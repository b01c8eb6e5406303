import { DepthcastError } from './errors.ts';
import { normalizeSymbol, SYMBOL_PATTERN } from './symbols.ts';

export const streamTypes = ['MBP', 'MBO'] as const;
export type StreamType = (typeof streamTypes)[number];

/** The most levels (MBP) or orders (MBO) a side that one view shows. */
export const LEVELS_MAX = 1_000;
export const LEVELS_DEFAULT = 20;

/** A derived subscription, `SYMBOL:TYPE:LEVELS`. */
export interface Stream {
  readonly symbol: string;
  readonly type: StreamType;
  readonly levels: number;
}

export interface StreamDefaults {
  readonly type: StreamType;
  readonly levels: number;
}

/** The seed's `stream_id`: `BTCUSD_MBP_5`. */
export function streamId(stream: Stream): string {
  return `${stream.symbol}_${stream.type}_${stream.levels}`;
}

/**
 * Reads `SYMBOL:TYPE:LEVELS` (market-depth seed). TYPE and LEVELS may be left out for the defaults.
 *
 * @throws DepthcastError `STREAM_INVALID` naming the part, what came and what is allowed.
 */
export function parseStream(definition: string, defaults: StreamDefaults): Stream {
  const parts = definition.split(':');
  const [symbolText = '', typeText, levelsText] = parts;
  const symbol = normalizeSymbol(symbolText);
  if (parts.length > 3 || !SYMBOL_PATTERN.test(symbol)) {
    throw new DepthcastError(
      'STREAM_INVALID',
      `Invalid stream definition ${quote(definition)}: write SYMBOL:TYPE:LEVELS`,
    );
  }
  return {
    symbol,
    type:
      typeText === undefined
        ? defaults.type
        : parseStreamType(typeText, `Invalid stream definition ${quote(definition)}: type`),
    levels:
      levelsText === undefined
        ? defaults.levels
        : parseLevels(levelsText, `Invalid stream definition ${quote(definition)}: levels`),
  };
}

/** @throws DepthcastError `STREAM_INVALID`; `field` begins its message. */
export function parseStreamType(text: string, field: string): StreamType {
  const type = text.trim().toUpperCase();
  const known = streamTypes.find((t) => t === type);
  if (!known)
    throw new DepthcastError('STREAM_INVALID', `${field} ${quote(text)} is not one of ${streamTypes.join(', ')}`);
  return known;
}

/** @throws DepthcastError `STREAM_INVALID`; `field` begins its message. */
export function parseLevels(text: string, field: string): number {
  const levels = /^\d{1,9}$/.test(text.trim()) ? Number(text) : 0;
  if (levels < 1 || levels > LEVELS_MAX) {
    throw new DepthcastError('STREAM_INVALID', `${field} ${quote(text)} is not a whole number from 1 to ${LEVELS_MAX}`);
  }
  return levels;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
