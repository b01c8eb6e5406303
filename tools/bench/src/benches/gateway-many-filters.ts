import { setTimeout as sleep } from 'node:timers/promises';
import type { Script } from '../children.ts';
import { type BareSetup, VIEW_PATH } from '../fanout/bare-server.ts';
import {
  type Contestant,
  type Delivery,
  deliveryOf,
  EVENTS_PER_SECOND,
  startGateway,
  startPaced,
} from '../fanout/contestant.ts';
import type { Aim, Load, LoadAsk } from '../fanout/load-client.ts';
import { FRAME_HEAD } from '../fanout/rivals.ts';
import { type Bench, type BenchContext, interleave, rowOf } from '../harness.ts';

const FILTERS = 50;
/** Symbols there are as many as filters, and each filter takes so many of them, so that all are the same share of the log. */
const SYMBOLS_PER_FILTER = 10;
const CLIENTS = 5_000;
const VIEWERS = 1_000;
const VIEW_EVERY_MS = 300;
const BATCH_MS = 10;
const ROUNDS = { warmUps: 1, rounds: 4 };
const SETTLE_MS = 1_000;
const MEASURE_MS = 3_000;
const VIEW_MS_MAX = 5_000;
/** Once in a frame of a view. */
const SEQUENCE = '"sequence":';

const SYMBOLS = Array.from({ length: FILTERS }, (_, i) => `S${String(i).padStart(2, '0')}USDT`);

/** Both kinds of clients of one server. */
interface Server {
  readonly events: Contestant;
  readonly views: Aim;
}

/**
 * 5,000 clients of fifty filters that overlap, a fifth of the log each, which is 5 M events/s offered; beside them 1,000
 * clients of fifty views MBP:20. The ceiling is a bare server that writes one ready buffer with as many events to each of
 * the 5,000 every 10 ms, and a ready frame as long as a view's to each of the 1,000 every 300 ms.
 */
export const gatewayManyFilters: Bench = {
  name: 'gateway.many-filters',
  async run(context) {
    const { children, note } = context;
    const ours = await startOurs(context);
    const frame = await viewFrame(ours.views);
    const bare = await startCeiling(context, frame);
    const loads = ['events', 'views'].map(() => children.script('../fanout/load-client', import.meta.url));
    const [events, views] = loads as [Script, Script];
    const round = (server: Server) => () => deliverBoth(events, views, server);
    const taken = await interleave({ ours: round(ours), bare: round(bare) }, ROUNDS);
    const cores = (us: number) => (us / 1e6).toFixed(2);
    for (const [who, it] of Object.entries(taken)) {
      note(
        `${who}: ${it.gigabytes.median.toFixed(2)} GB/s of events; cores: server ${cores(it.serverUs.median)}, ${CLIENTS} clients ${cores(it.clientUs.median)}`,
      );
    }
    note(
      `a view's frame is ${frame.length} bytes; ${VIEWERS} views every ${VIEW_EVERY_MS} ms are ${Math.round((VIEWERS * 1_000) / VIEW_EVERY_MS)} frames/s`,
    );
    const { name } = gatewayManyFilters;
    const reference = 'bare socket.write';
    const row = (suffix: string, figure: Figure, unit: string, atLeast?: number) =>
      rowOf({
        name: `${name}${suffix}`,
        unit,
        ours: taken.ours[figure],
        reference,
        theirs: taken.bare[figure],
        ...(atLeast === undefined ? {} : { target: { on: 'ratio', atLeast } }),
      });
    return [
      row('', 'rate', 'events/s', 0.4),
      row('.views', 'framesRate', 'frames/s', 0.4),
      row('.p50', 'p50Ms', 'ms'),
      row('.p99', 'p99Ms', 'ms'),
      row('.cpu', 'cpuUs', 'µs/event'),
    ];
  },
};

type Figure = keyof Delivery | 'framesRate';

async function startOurs(context: BenchContext): Promise<Server> {
  const paths = SYMBOLS.map((_, i) => {
    const symbols = Array.from({ length: SYMBOLS_PER_FILTER }, (_, k) => SYMBOLS[(i + k) % FILTERS]);
    return `/api/stream?types=book_change&symbols=${symbols.join(',')}`;
  });
  const events = await startGateway(context, { paths, clients: CLIENTS }, { symbols: SYMBOLS, tickMs: BATCH_MS });
  const views = {
    port: events.aim.port,
    paths: SYMBOLS.map((symbol) => `/stream?streams=${symbol}:MBP:20`),
    clients: VIEWERS,
    marker: SEQUENCE,
  };
  return { events, views };
}

async function startCeiling({ children }: BenchContext, frame: string): Promise<Server> {
  const setup: BareSetup = { frameHead: FRAME_HEAD, view: { frame, everyMs: VIEW_EVERY_MS } };
  const script = children.script('../fanout/bare-server', import.meta.url);
  const share = SYMBOLS_PER_FILTER / FILTERS;
  const events = await startPaced(script, { paths: ['/'], clients: CLIENTS }, setup, EVENTS_PER_SECOND * share);
  return { events, views: { port: events.aim.port, paths: [VIEW_PATH], clients: VIEWERS, marker: SEQUENCE } };
}

async function deliverBoth(events: Script, views: Script, server: Server): Promise<Record<Figure, number>> {
  const { start, stop, pids, aim } = server.events;
  const connect = (load: Script, where: Aim) => load.request<object>({ kind: 'connect', ...where } satisfies LoadAsk);
  const disconnect = (load: Script) => load.request<object>({ kind: 'disconnect' } satisfies LoadAsk);
  const measure = (load: Script) => load.request<Load>({ kind: 'measure', ms: MEASURE_MS, pids } satisfies LoadAsk);
  await connect(views, server.views);
  await connect(events, aim);
  await start();
  await sleep(SETTLE_MS);
  const [ofEvents, ofViews] = await Promise.all([measure(events), measure(views)]);
  await stop();
  await Promise.all([disconnect(events), disconnect(views)]);
  return { ...deliveryOf(ofEvents, pids.length), framesRate: ofViews.eventsPerSecond };
}

/** A frame as the gateway sends it, to know how long they are. */
async function viewFrame({ port, paths }: Aim): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${paths[0]}`, { signal: AbortSignal.timeout(VIEW_MS_MAX) });
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of response.body as ReadableStream<Uint8Array>) {
    text += decoder.decode(part, { stream: true });
    const frame = /^(?:id: .*\n)?event: market_data\n.*\n\n/m.exec(text)?.[0];
    if (frame) return frame;
  }
  throw new Error('the view sent no frame');
}
