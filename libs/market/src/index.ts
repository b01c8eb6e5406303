export { INPUT_CHARS_MAX, LOGIC_VERSION, Market, type StoredBookState, SYMBOLS_MAX } from './market.ts';
export { STATE_FORMAT_VERSION } from './market-state.ts';
