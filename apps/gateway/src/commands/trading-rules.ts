import type { SymbolDefinition } from '@depthcast/book';
import { DepthcastError, quote, Scale } from '@depthcast/protocol';
import type { OrderRequest } from './order-request.ts';

/** Places of the integers that texts are compared as; a price or size that a scale takes has at most 15. */
const PLACES = 18;

/**
 * Refuses what the symbol's rules refuse in any case. The engine has the last word: it knows the book and the account,
 * and perhaps newer rules.
 *
 * @throws DepthcastError `ORDER_INVALID` or one of the `DECIMAL_…`, naming the field, what came and what is allowed.
 */
export function checkRules(order: OrderRequest, { tick, trading }: SymbolDefinition): void {
  const { symbol, qty, price } = order;
  if (!trading) throw new DepthcastError('ORDER_INVALID', `symbol ${quote(symbol)} takes no orders`);
  if (price !== undefined) Scale.ofStep(tick).parse(price, 'price');
  Scale.ofStep(trading.lot).parse(qty, 'qty');
  if (exact(qty) < exact(trading.min_qty)) throw outside('qty', qty, `at least ${trading.min_qty}`);
  if (exact(qty) > exact(trading.max_qty)) throw outside('qty', qty, `at most ${trading.max_qty}`);
  if (price === undefined) return;
  // Of a market order it depends on the book.
  if (exact(price) * exact(qty) >= exact(trading.min_notional) * 10n ** BigInt(PLACES)) return;
  throw outside('qty', qty, `so much that price × qty is at least ${trading.min_notional}`);
}

function outside(field: string, got: string, allowed: string): DepthcastError {
  return new DepthcastError('ORDER_INVALID', `${field} ${quote(got)} is not allowed: takes ${allowed}`);
}

/** A plain decimal in units of 10^-18; places beyond, zeros all of them, are left out. */
function exact(text: string): bigint {
  const [whole = '', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.slice(0, PLACES).padEnd(PLACES, '0'));
}
