import { DepthSync, type DepthSyncMemory, L2Book, type Ladder } from '@depthcast/book';
import { DepthcastError, Scale } from '@depthcast/protocol';
import { SymbolFolds, type SymbolFoldsMemory } from './folds/symbol-folds.ts';
import type { MarketOptions } from './market-options.ts';
import type { SourceMemory } from './source-ledger.ts';
import { type DepthDiff, type SymbolDefinition, type SymbolFold, SymbolMarket } from './symbol-market.ts';

/** Changes when a state that an older version wrote can no longer be read. */
export const STATE_FORMAT_VERSION = 2;

/** All that a market remembers, as plain data in the order in which it came to be. */
export interface MarketState {
  readonly formatVersion: number;
  readonly logicVersion: string;
  readonly options: MarketOptions;
  readonly second: number;
  readonly rejectedInputs: number;
  readonly sourcesAgeUs: number;
  readonly sources: readonly SourceMemory[];
  /** Index of the symbol whose turn with the clock is next. */
  readonly turn: number;
  readonly symbols: readonly SymbolState[];
}

interface SymbolState {
  readonly definition: SymbolDefinition;
  readonly tick: string;
  readonly step: string;
  readonly fold: SymbolFold;
  readonly folds: SymbolFoldsMemory;
  readonly sync: DepthSyncMemory<DepthDiff>;
  /** price, size, price, size … in ticks and lots, best first. */
  readonly bids: readonly number[];
  readonly asks: readonly number[];
}

/** @throws DepthcastError `CLUSTER_MISMATCH` when the text is not a state of this format. */
export function parseState(text: string): MarketState {
  let state: Partial<MarketState> | null;
  try {
    state = JSON.parse(text);
  } catch (cause) {
    throw new DepthcastError('CLUSTER_MISMATCH', `engine state is not JSON: ${text.slice(0, 80)}`, { cause });
  }
  if (state?.formatVersion !== STATE_FORMAT_VERSION) {
    throw new DepthcastError(
      'CLUSTER_MISMATCH',
      `engine state has format version ${state?.formatVersion}, this engine reads ${STATE_FORMAT_VERSION}`,
    );
  }
  return state as MarketState;
}

export function symbolState(symbol: SymbolMarket): SymbolState {
  const { definition, book, fold, folds, sync } = symbol;
  return {
    definition,
    tick: book.priceScale.step,
    step: book.sizeScale.step,
    fold,
    folds: folds.memory(),
    sync: sync.memory(),
    bids: ladderNumbers(book.bids),
    asks: ladderNumbers(book.asks),
  };
}

export function restoreSymbol(state: SymbolState, options: MarketOptions): SymbolMarket {
  const book = new L2Book(Scale.ofStep(state.tick), Scale.ofStep(state.step));
  fillLadder(book.bids, state.bids);
  fillLadder(book.asks, state.asks);
  const sync = DepthSync.restore<DepthDiff>(state.definition.depthRule, state.sync);
  const folds = new SymbolFolds(state.definition.symbol, book.priceScale, book.sizeScale, options, state.folds);
  return new SymbolMarket(state.definition, book, folds, sync, state.fold);
}

function ladderNumbers(ladder: Ladder): number[] {
  const numbers: number[] = [];
  for (let rank = 0; rank < ladder.length; rank++) numbers.push(ladder.priceOf(rank), ladder.sizeOf(rank));
  return numbers;
}

/** Worst first, where a ladder takes a level without moving others. */
function fillLadder(ladder: Ladder, numbers: readonly number[]): void {
  for (let i = numbers.length - 2; i >= 0; i -= 2) ladder.set(numbers[i] as number, numbers[i + 1] as number);
}
