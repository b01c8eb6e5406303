export { FakeBinance, type FakeBinanceOptions, type RestRequest } from './fake-binance.ts';
export type { Fault, RestFault, StreamFault, StreamFaultKind } from './faults.ts';
export { type FakeSymbol, GeneratedMarket } from './generated-market.ts';
export { type MarketLike, MarketProbe } from './market-probe.ts';
export { findCapture, readCapture } from './read-capture.ts';
