import type { BenchContext } from '../harness.ts';
import type { BareSetup } from './bare-server.ts';
import { CLIENTS, type Contestant, startPaced } from './contestant.ts';
import { findNchan, runNchan, SUBSCRIBE_PATH } from './nchan.ts';
import type { NchanSetup } from './nchan-publisher.ts';
import type { AdapterSetup } from './streams-adapter-publisher.ts';

/** Of the gateway's own frames, as long as one of this run's: what the bare server sends must be as many bytes. */
export const FRAME_HEAD = 'id: 1700000000000-100000\nevent: book_change\ndata: ';
const STREAM = { paths: ['/'], clients: CLIENTS } as const;
export const WEBSOCKET = {
  paths: ['/socket.io/?EIO=4&transport=websocket'],
  clients: CLIENTS,
  over: 'websocket',
} as const;

/** The ceiling. */
export function startBare({ children }: BenchContext): Promise<Contestant> {
  const setup: BareSetup = { frameHead: FRAME_HEAD };
  return startPaced(children.script('./bare-server', import.meta.url), STREAM, setup);
}

export function startBetterSse({ children }: BenchContext): Promise<Contestant> {
  return startPaced(children.script('./better-sse-server', import.meta.url), STREAM, {});
}

export function startPlainSocketIo({ children }: BenchContext): Promise<Contestant> {
  return startPaced(children.script('./plain-socketio-server', import.meta.url), { ...WEBSOCKET, say: '40' }, {});
}

/** Two nodes of Socket.IO with `@socket.io/redis-streams-adapter`: one emits, the other has the clients. */
export async function startStreamsAdapter({ children, redis }: BenchContext): Promise<Contestant> {
  const { url, pid } = await redis();
  const server = children.script('./streams-adapter-server', import.meta.url);
  const { port } = await server.request<{ port: number }>({ url });
  const publisher = children.script('./streams-adapter-publisher', import.meta.url);
  const setup: AdapterSetup = { url, port };
  const aim = { ...WEBSOCKET, say: '40' };
  return { ...(await startPaced(publisher, aim, setup)), pids: [server.pid], suppliers: [pid, publisher.pid] };
}

/**
 * nginx's Nchan, published to over HTTP.
 *
 * @param joined an event to a line of one message a batch, rather than a message an event.
 * @throws Error saying why it cannot be had here.
 */
export async function startNchan({ children }: BenchContext, workers: number, joined = false): Promise<Contestant> {
  const { port, pids } = await runNchan(children, await findNchan(), workers);
  const publisher = children.script('./nchan-publisher', import.meta.url);
  const setup: NchanSetup = { port, joined };
  const aim = { ...STREAM, paths: [SUBSCRIBE_PATH] };
  return { ...(await startPaced(publisher, aim, setup)), pids, suppliers: [publisher.pid] };
}
