import { type EventOf, formatTsNs, Scale } from '@depthcast/protocol';

type SymbolEvent = EventOf<'symbol'>;

/** `levels`: sizes by price, as a venue publishes them. `orders`: each order, as the engine matches them. */
export type BookKind = SymbolEvent['book'];

/** A symbol as its venue defines it: the members of a `symbol` event that say what it is. */
export interface SymbolDefinition extends Pick<SymbolEvent, 'book' | 'tick' | 'step'> {
  /** Not known of a book that an older engine stored. */
  readonly venue: string | undefined;
  readonly trading: SymbolEvent['trading'];
}

/** The members of a stored book that define its symbol. Older engines had levels alone, and did not store the venue. */
export type StoredDefinition = Pick<SymbolEvent, 'tick' | 'step' | 'trading'> &
  Partial<Pick<SymbolEvent, 'book' | 'venue'>>;

/** Of a `symbol` event's payload, or of a stored book. */
export function definitionOf({ venue, book = 'levels', tick, step, trading }: StoredDefinition): SymbolDefinition {
  // In the one spelling that they are compared in: venues say `0.01000000`.
  return { venue, book, tick: Scale.ofStep(tick).step, step: Scale.ofStep(step).step, trading };
}

/** Whether the book of the one goes on as the other's: it is of the same kind, ticks, lots and assets. */
export function hasSameBook(before: SymbolDefinition, after: SymbolDefinition): boolean {
  const { trading } = before;
  return (
    before.book === after.book &&
    before.tick === after.tick &&
    before.step === after.step &&
    (trading === undefined ||
      (trading.base_asset === after.trading?.base_asset && trading.quote_asset === after.trading.quote_asset))
  );
}

/** The `symbol` event that says it; `undefined` where the venue is not known. */
export function symbolEvent(symbol: string, tsUs: number, definition: SymbolDefinition): string | undefined {
  const { venue, book, tick, step, trading } = definition;
  if (venue === undefined) return undefined;
  const rules = trading === undefined ? '' : `,"trading":${JSON.stringify(trading)}`;
  return (
    `{"type":"symbol","symbol":"${symbol}","ts_ns":${formatTsNs(tsUs)},"venue":${JSON.stringify(venue)},` +
    `"book":"${book}","tick":"${tick}","step":"${step}"${rules}}`
  );
}
