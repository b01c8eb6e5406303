import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { stampNow } from '../clock.ts';
import { bookChangeEvent } from '../sample-event.ts';
import { serveParent } from '../script-side.ts';
import { Pace } from './pace.ts';

export type ServerAsk =
  | { readonly kind: 'listen'; readonly eventsPerSecond: number; readonly frameHead: string }
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' };

/**
 * The ceiling: one pre-framed buffer of the same bytes to every socket, every 10 ms. No log, no subscriptions, no
 * resume; a socket that is far behind is left out, so that nothing piles up.
 */
const TICK_MS = 10;
const DUE_EVENTS_MAX = 500;
const QUEUE_BYTES_MAX = 4 << 20;
const HEAD =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n: ok\n\n';

const sockets = new Set<Socket>();
const server = createServer((request) => {
  const { socket } = request;
  socket.on('error', () => {});
  socket.once('close', () => sockets.delete(socket));
  socket.setNoDelay(true);
  socket.write(HEAD);
  sockets.add(socket);
});

let eventsPerSecond = 0;
let frames: Buffer;
let frameBytes = 0;
const stampAt: number[] = [];
let timer: NodeJS.Timeout | undefined;

function prepare(frameHead: string): void {
  const stamp = stampNow();
  const list = Array.from({ length: DUE_EVENTS_MAX }, (_, n) => `${frameHead}${bookChangeEvent(n, stamp).payload}\n\n`);
  frames = Buffer.from(list.join(''));
  frameBytes = frames.length / DUE_EVENTS_MAX;
  const within = (list[0] as string).indexOf(stamp);
  for (let n = 0; n < DUE_EVENTS_MAX; n++) stampAt.push(n * frameBytes + within);
}

function tick(pace: Pace): void {
  const due = pace.take();
  if (due === 0) return;
  // A copy a tick, since sockets may still hold the one before: 22 KB against the 22 MB that go out.
  const bytes = Buffer.from(frames.subarray(0, due * frameBytes));
  const stamp = stampNow();
  for (let n = 0; n < due; n++) bytes.write(stamp, stampAt[n] as number, 'latin1');
  for (const socket of sockets) if (socket.writableLength < QUEUE_BYTES_MAX) socket.write(bytes);
}

serveParent<ServerAsk>(async (ask) => {
  switch (ask.kind) {
    case 'listen':
      ({ eventsPerSecond } = ask);
      prepare(ask.frameHead);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4_096, resolve));
      return { port: (server.address() as AddressInfo).port };
    case 'start': {
      const pace = new Pace(eventsPerSecond, DUE_EVENTS_MAX);
      timer = setInterval(() => tick(pace), TICK_MS);
      return {};
    }
    case 'stop':
      clearInterval(timer);
      return {};
  }
});
