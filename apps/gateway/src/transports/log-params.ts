import { DepthcastError, invalid, normalizeSymbol, type Query, quote, single } from '@depthcast/protocol';
import { accountFor, type Identity } from '../auth/identity.ts';
import type { Format } from '../fanout/format.ts';
import type { ResumeRequest } from '../resume/locator.ts';
import { SEED_TYPES, SUBSCRIBABLE_TYPES } from './event-types.ts';
import { parseMaxRate } from './max-rate.ts';
import { list, oneOf, refuseArrayForms, resumeRequest } from './query.ts';

/** What `GET /api/stream` was asked for. `undefined` types or symbols: all of them. */
export interface LogSubscription {
  readonly types: readonly string[] | undefined;
  readonly symbols: readonly string[] | undefined;
  /** Whose private events these are, among the types that are private; `undefined`: nobody's. */
  readonly account: string | undefined;
  readonly ids: Format['ids'];
  readonly chain: boolean;
  /** Messages a second. */
  readonly maxRate: number | undefined;
  readonly resume: ResumeRequest | undefined;
}

export interface LogParamOptions {
  readonly hasSymbol: (symbol: string) => boolean;
  readonly partitions: number;
}

export const LOG_PARAMETERS = ['types', 'symbols', 'account', 'last_id', 'ids', 'chain', 'max_rate', 'ticket'] as const;

/**
 * Reads the query of `/api/stream`.
 *
 * @throws DepthcastError `PARAMETER_INVALID` or `SYMBOL_UNKNOWN`, naming the parameter, what came, what is allowed;
 *   `FORBIDDEN` or `TOKEN_MISSING` for an account that is not the client's.
 */
export function parseLogSubscription(
  query: Query,
  lastEventId: string | readonly string[] | undefined,
  identity: Identity,
  { hasSymbol, partitions }: LogParamOptions,
): LogSubscription {
  refuseArrayForms(query, LOG_PARAMETERS);
  return {
    types: parseTypes(query),
    symbols: parseSymbols(query, hasSymbol),
    account: accountFor(identity, single(query, 'account')),
    ids: parseIds(query, partitions),
    chain: oneOf(query, 'chain', ['0', '1'], '0') === '1',
    maxRate: parseMaxRate(query),
    resume: resumeRequest(lastEventId, query),
  };
}

/** One integer cannot name a place in several logs. */
function parseIds(query: Query, partitions: number): Format['ids'] {
  const ids = oneOf(query, 'ids', ['cursor', 'int'], 'cursor');
  if (ids === 'int' && partitions > 1) throw invalid('ids', ids, `cursor: there are ${partitions} partitions here`);
  return ids;
}

function parseTypes(query: Query): readonly string[] | undefined {
  const types = list(query, 'types');
  if (!types) return SEED_TYPES;
  if (types.length === 0) throw invalid('types', '', `${SUBSCRIBABLE_TYPES.join(', ')} or all`);
  if (types.includes('all')) return undefined;
  for (const type of types) {
    if (!SUBSCRIBABLE_TYPES.includes(type)) throw invalid('types', type, `${SUBSCRIBABLE_TYPES.join(', ')} or all`);
  }
  return types;
}

function parseSymbols(query: Query, hasSymbol: (symbol: string) => boolean): readonly string[] | undefined {
  const symbols = list(query, 'symbols');
  if (!symbols) return undefined;
  if (symbols.length === 0) throw invalid('symbols', '', 'symbols of GET /symbols, divided by commas');
  return symbols.map((text) => {
    const symbol = normalizeSymbol(text);
    if (!hasSymbol(symbol)) {
      throw new DepthcastError(
        'SYMBOL_UNKNOWN',
        `symbols ${quote(text)} is not known here: choose one of GET /symbols`,
      );
    }
    return symbol;
  });
}
