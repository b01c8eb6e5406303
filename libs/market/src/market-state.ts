import { DepthSync, type DepthSyncMemory, L3Book, type L3Memory, type Ladder } from '@depthcast/book';
import { DepthcastError } from '@depthcast/protocol';
import type { OrderDesk, OrderDeskMemory } from './accounts/order-desk.ts';
import { SymbolFolds, type SymbolFoldsMemory } from './folds/symbol-folds.ts';
import type { MarketOptions } from './market-options.ts';
import { MATCHED_ORDERS_MAX, MatchedMarket } from './matched-market.ts';
import { PaperQueue, type PaperQueueMemory } from './paper-queue.ts';
import type { SourceMemory } from './source-ledger.ts';
import { defined, type SymbolDefinition } from './symbol-definition.ts';
import type { SymbolFold } from './symbol-fold.ts';
import { type DepthDiff, SymbolMarket } from './symbol-market.ts';
import type { AnySymbol } from './symbol-table.ts';

/** Changes when a state that an older version wrote can no longer be read. */
export const STATE_FORMAT_VERSION = 3;

/** All that a market remembers, as plain data in the order in which it came to be. */
export interface MarketState {
  readonly formatVersion: number;
  readonly logicVersion: string;
  readonly options: MarketOptions;
  readonly second: number;
  readonly rejectedInputs: number;
  readonly sourcesAgeUs: number;
  readonly sources: readonly SourceMemory[];
  /** Absent in the states of older versions. */
  readonly sourcesClocks?: number;
  readonly desk: OrderDeskMemory;
  /** Index of the symbol whose turn with the clock is next. */
  readonly turn: number;
  readonly symbols: readonly SymbolState[];
}

interface CommonState {
  readonly definition: SymbolDefinition;
  readonly fold: SymbolFold;
  readonly folds: SymbolFoldsMemory;
}

interface LevelsState extends CommonState {
  readonly sync: DepthSyncMemory<DepthDiff>;
  /** price, size, price, size … in ticks and lots, best first. */
  readonly bids: readonly number[];
  readonly asks: readonly number[];
  readonly queue: PaperQueueMemory;
}

interface MatchedState extends CommonState {
  readonly orders: L3Memory;
}

type SymbolState = LevelsState | MatchedState;

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

export function symbolState(symbol: AnySymbol): SymbolState {
  const { fold, folds } = symbol;
  const common = { definition: symbol.defined.definition, fold, folds: folds.memory() };
  if (symbol instanceof MatchedMarket) return { ...common, orders: symbol.book.memory() };
  const { bids, asks } = symbol.book;
  return {
    ...common,
    sync: symbol.sync.memory(),
    bids: ladderNumbers(bids),
    asks: ladderNumbers(asks),
    queue: symbol.queue.memory(),
  };
}

/** @param desk restored before: orders in books and queues are found there. */
export function restoreSymbol(state: SymbolState, options: MarketOptions, desk: OrderDesk): AnySymbol {
  const known = defined(state.definition);
  const { prices, sizes } = known;
  const folds = new SymbolFolds(state.definition.symbol, prices, sizes, options, state.folds);
  if ('orders' in state) {
    const book = L3Book.restore(prices, sizes, state.orders, { ordersMax: MATCHED_ORDERS_MAX });
    return new MatchedMarket(known, folds, desk, book, state.fold);
  }
  const sync = DepthSync.restore<DepthDiff>(state.definition.depthRule, state.sync);
  const queue = PaperQueue.restore(state.queue, desk);
  const symbol = new SymbolMarket(known, folds, desk, sync, state.fold, queue);
  fillLadder(symbol.book.bids, state.bids);
  fillLadder(symbol.book.asks, state.asks);
  return symbol;
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
