import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { stampNow } from '../clock.ts';
import { bookChangeEvent } from '../sample-event.ts';
import { listenOnLoopback } from './listen.ts';
import { servePaced } from './paced-server.ts';

export interface BareSetup {
  /** What stands before an event's JSON. */
  readonly frameHead: string;
  /** What those who ask for {@link VIEW_PATH} are sent instead, and how often. */
  readonly view?: { readonly frame: string; readonly everyMs: number };
}

export const VIEW_PATH = '/view';

/**
 * The ceiling: one pre-framed buffer of the same bytes to every socket, every 10 ms. No log, no subscriptions, no
 * resume; a socket that is far behind is left out, so that nothing piles up.
 */
const DUE_EVENTS_MAX = 500;
const QUEUE_BYTES_MAX = 4 << 20;
const HEAD =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n: ok\n\n';

const sockets = new Set<Socket>();
const viewers = new Set<Socket>();
const server = createServer(({ socket, url }) => {
  const all = url === VIEW_PATH ? viewers : sockets;
  socket.on('error', () => {});
  socket.once('close', () => all.delete(socket));
  socket.setNoDelay(true);
  socket.write(HEAD);
  all.add(socket);
});

let frames: Buffer;
let frameBytes = 0;
const stampAt: number[] = [];

function prepare(frameHead: string): void {
  const stamp = stampNow();
  const list = Array.from({ length: DUE_EVENTS_MAX }, (_, n) => `${frameHead}${bookChangeEvent(n, stamp).payload}\n\n`);
  frames = Buffer.from(list.join(''));
  frameBytes = frames.length / DUE_EVENTS_MAX;
  const within = (list[0] as string).indexOf(stamp);
  for (let n = 0; n < DUE_EVENTS_MAX; n++) stampAt.push(n * frameBytes + within);
}

function sendTo(all: ReadonlySet<Socket>, bytes: Buffer): void {
  for (const socket of all) if (socket.writableLength < QUEUE_BYTES_MAX) socket.write(bytes);
}

servePaced<BareSetup>({
  dueEventsMax: DUE_EVENTS_MAX,
  listen({ frameHead, view }) {
    prepare(frameHead);
    if (view) {
      const frame = Buffer.from(view.frame);
      setInterval(() => sendTo(viewers, frame), view.everyMs);
    }
    return listenOnLoopback(server);
  },
  send(count) {
    // A copy a tick, since sockets may still hold the one before: 22 KB against the 22 MB that go out.
    const bytes = Buffer.from(frames.subarray(0, count * frameBytes));
    const stamp = stampNow();
    for (let n = 0; n < count; n++) bytes.write(stamp, stampAt[n] as number, 'latin1');
    sendTo(sockets, bytes);
  },
});
