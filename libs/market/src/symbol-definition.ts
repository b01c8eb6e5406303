import { type BookStatus, DepthcastError, type DepthRule, Scale, type TradingRules } from '@depthcast/protocol';
import { type Instrument, instrumentOf } from './accounts/instrument.ts';

/** What a symbol is, as its venue says. Plain data. */
export interface SymbolDefinition {
  readonly symbol: string;
  readonly venue: string;
  readonly tick: string;
  readonly step: string;
  readonly depthRule: DepthRule;
  readonly quotes: boolean;
  readonly trading?: TradingRules | undefined;
  /** The producer that defined it last. */
  readonly src: string;
}

/** A definition that has been read. */
export interface DefinedSymbol {
  readonly definition: SymbolDefinition;
  readonly prices: Scale;
  readonly sizes: Scale;
  /** What its orders are counted by; undefined when it takes none. */
  readonly instrument: Instrument | undefined;
  /** The members that say it in a `symbol` event, as JSON text. */
  readonly described: string;
}

/** What orders must fit, as `symbol` events and stored books say it. */
export interface WireTrading {
  readonly base_asset: string;
  readonly quote_asset: string;
  readonly lot: string;
  readonly min_qty: string;
  readonly max_qty: string;
  readonly min_notional: string;
}

/** @throws DepthcastError naming the field. */
export function defined(definition: SymbolDefinition): DefinedSymbol {
  const { symbol, venue, depthRule, trading } = definition;
  const prices = scaleOf(definition.tick, 'tick');
  const sizes = scaleOf(definition.step, 'step');
  const instrument = trading && instrumentOf(symbol, prices, sizes, trading);
  const rules = instrument && wireTrading(instrument, trading as TradingRules);
  const book = depthRule === 'matched' ? 'orders' : 'levels';
  const described = `"venue":${JSON.stringify(venue)},"book":"${book}","tick":"${prices.step}","step":"${sizes.step}"${rules ? `,"trading":${JSON.stringify(rules)}` : ''}`;
  return { definition, prices, sizes, instrument, described };
}

/** What a symbol's orders must fit; undefined when it takes none. */
export function tradingOf({ definition: { trading }, instrument }: DefinedSymbol): WireTrading | undefined {
  return instrument && wireTrading(instrument, trading as TradingRules);
}

/** Whether orders and levels of the one stand for something else in the other, so that its book begins anew. */
export function isAnother(before: DefinedSymbol, after: DefinedSymbol): boolean {
  return (
    before.prices.step !== after.prices.step ||
    before.sizes.step !== after.sizes.step ||
    before.definition.depthRule !== after.definition.depthRule ||
    // Its open orders hold these assets.
    (before.instrument !== undefined &&
      (before.instrument.base !== after.instrument?.base || before.instrument.quote !== after.instrument.quote))
  );
}

/** One book as gateways load it (`book:<SYMBOL>`), prices and sizes in the scales' text, best first. */
export interface StoredBookState {
  readonly symbol: string;
  readonly venue: string;
  /** `levels`: L2. `orders`: L3, and then `orders` is there. */
  readonly book: 'levels' | 'orders';
  readonly tick: string;
  readonly step: string;
  readonly trading?: WireTrading;
  readonly status: BookStatus;
  /** The update id that the book is at: the venue's, or of a matched symbol its own. */
  readonly last: number;
  readonly tsEventUs: number;
  readonly bids: [string, string][];
  readonly asks: [string, string][];
  /** `[order_id, price, qty, time of its place in the queue in µs]`, by priority. */
  readonly orders?: { readonly bids: StoredOrder[]; readonly asks: StoredOrder[] };
  /** The last `market` price. */
  readonly market?: string;
}

export type StoredOrder = [id: string, price: string, qty: string, tsUs: number];

function wireTrading(instrument: Instrument, trading: TradingRules): WireTrading {
  const { base, quote, sizes, lotLots, minLots, maxLots } = instrument;
  return {
    base_asset: base,
    quote_asset: quote,
    lot: sizes.format(lotLots),
    min_qty: sizes.format(minLots),
    max_qty: sizes.format(maxLots),
    min_notional: trading.minNotional,
  };
}

function scaleOf(step: string, field: string): Scale {
  try {
    return Scale.ofStep(step);
  } catch (error) {
    if (!(error instanceof DepthcastError)) throw error;
    throw new DepthcastError(error.code, `${field}: ${error.message}`, { cause: error });
  }
}
