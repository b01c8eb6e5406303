import { rawMembers } from './raw-json.ts';

/** The members of an `order_update` in their order there, and what an `order_state` calls them. */
const MEMBERS = [
  ['ts_ns', 'last_ts_ns'],
  ['client_order_id', 'client_order_id'],
  ['venue_order_id', 'venue_order_id'],
  ['status', 'status'],
  ['symbol', 'symbol'],
  ['side', 'side'],
  ['qty', 'order_qty'],
  ['price', 'limit_price'],
  ['reason', 'reason'],
] as const;

/**
 * The `order_update` that came with an `order_state`, byte for byte: whoever sends an order again reads the same
 * members as the first time.
 *
 * @param state an `order_state` as the engine writes it.
 */
export function orderUpdateOf(state: string): string {
  const values = new Map(rawMembers(state));
  const members = MEMBERS.flatMap(([name, of]) => {
    const value = values.get(of);
    return value === undefined ? [] : [`"${name}":${value}`];
  });
  return `{"type":"order_update",${members.join(',')}}`;
}
