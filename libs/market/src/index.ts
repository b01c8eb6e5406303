export type { AssetAudit } from './accounts/paper-accounts.ts';
export { INPUT_CHARS_MAX, Market } from './market.ts';
export {
  DEFAULT_MARKET_OPTIONS,
  LOGIC_VERSION,
  logicVersionOf,
  type MarketOptions,
  marketOptions,
} from './market-options.ts';
export { STATE_FORMAT_VERSION } from './market-state.ts';
export type { StoredBookState, StoredOrder, WireTrading } from './symbol-definition.ts';
export { CLOCK_EVENTS_MAX, SYMBOLS_MAX } from './symbol-table.ts';
