import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Market } from '@depthcast/market';
import { type Input, inputTopic, type LogEvent } from '@depthcast/protocol';
import { Flow } from '../engine/flow.ts';
import { CAPTURES } from '../places.ts';
import { SYMBOL } from '../sample-event.ts';
import type { EventSource } from './event-source.ts';

/** `venue`: a recorded market of Binance; `orders`: order flow of a symbol that is matched here. */
export type MixKind = 'venue' | 'orders';

const CAPTURE = `${CAPTURES}/spot_btcusdt_20240808.gz`;
const ORDER_INPUTS = 30_000;

export function isRecorded(): boolean {
  return existsSync(CAPTURE);
}

/** All that the engine says of a market, over and over: changes of the book, trades, quotes, bars and what is made of them. */
export function marketMix(kind: MixKind): EventSource {
  const market = new Market();
  const events: LogEvent[] = [];
  for (const [topic, payload] of kind === 'venue' ? recordedInputs() : orderInputs()) {
    events.push(...market.applyEntry(topic, payload));
  }
  const next = () => events[at++ % events.length] as LogEvent;
  let at = 0;
  return {
    // A log without events is not followed yet.
    opening: () => [next()],
    next,
  };
}

type InputEntry = readonly [topic: string, payload: string];

function* orderInputs(): Generator<InputEntry> {
  const flow = new Flow(SYMBOL);
  yield* flow.opening();
  for (let i = 0; i < ORDER_INPUTS; i++) yield flow.next();
}

interface Recorded {
  readonly lastUpdateId?: number;
  readonly bids?: unknown;
  readonly asks?: unknown;
  readonly data?: Readonly<Record<string, never>> & { readonly e?: string; readonly E?: number };
}

/** The capture's lines as an ingest sends them, with the clock of every second that they were received in. */
function* recordedInputs(): Generator<InputEntry> {
  let seq = 0;
  const entry = (input: object): InputEntry => {
    const stamped = { ...input, src: 'bench', seq: ++seq } as unknown as Input;
    return [inputTopic(stamped as { type: string }), JSON.stringify(stamped)];
  };
  const symbol = {
    symbol: SYMBOL,
    venue: 'binance',
    tick: '0.01',
    step: '0.00000001',
    depthRule: 'spot',
    quotes: true,
  };
  let second = 0;
  for (const line of gunzipSync(readFileSync(CAPTURE)).toString('latin1').trimEnd().split('\n')) {
    const space = line.indexOf(' ');
    const tsRecvUs = Number(line.slice(0, space - 3));
    if (second === 0) yield entry({ type: 'symbol', tsRecvUs, ...symbol });
    if (Math.floor(tsRecvUs / 1e6) > second) {
      second = Math.floor(tsRecvUs / 1e6);
      yield entry({ type: 'clock', tsRecvUs, second });
    }
    yield entry({ symbol: SYMBOL, tsRecvUs, ...fieldsOf(JSON.parse(line.slice(space + 1)) as Recorded, tsRecvUs) });
  }
}

function fieldsOf({ data, ...snapshot }: Recorded, tsRecvUs: number): object {
  const tsEventUs = (data?.E ?? 0) * 1_000 || tsRecvUs;
  if (!data) {
    return { tsEventUs, type: 'depth_snapshot', last: snapshot.lastUpdateId, bids: snapshot.bids, asks: snapshot.asks };
  }
  const { U, u, pu, b, a, B, A, t, p, q, m } = data;
  if (data.e === 'depthUpdate') return { tsEventUs, type: 'depth', first: U, last: u, prev: pu, bids: b, asks: a };
  if (data.e === 'trade') return { tsEventUs, type: 'trade', tradeId: t, price: p, qty: q, side: m ? 'SELL' : 'BUY' };
  return { tsEventUs, type: 'quote', last: u, bidPrice: b, bidQty: B, askPrice: a, askQty: A };
}
