export { CLOCK_EVENTS_MAX, INPUT_CHARS_MAX, Market, type StoredBookState, SYMBOLS_MAX } from './market.ts';
export {
  DEFAULT_MARKET_OPTIONS,
  LOGIC_VERSION,
  logicVersionOf,
  type MarketOptions,
  marketOptions,
} from './market-options.ts';
export { STATE_FORMAT_VERSION } from './market-state.ts';
