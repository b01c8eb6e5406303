import { DepthcastError, quote } from '@depthcast/protocol';

const SYMBOLS_SHOWN_MAX = 20;

/** What orders are told of a symbol that no venue publishes here. */
export function symbolUnknown(symbol: string, known: readonly string[]): DepthcastError {
  const some = known.slice(0, SYMBOLS_SHOWN_MAX).join(', ');
  return new DepthcastError('SYMBOL_UNKNOWN', `symbol ${quote(symbol)} is not known here: takes ${some}`);
}
