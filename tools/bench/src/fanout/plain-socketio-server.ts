import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { stampNow } from '../clock.ts';
import { bookChangeEvent } from '../sample-event.ts';
import { serveParent } from '../script-side.ts';
import type { ServerAsk } from './bare-server.ts';
import { Pace } from './pace.ts';

/** The same events through Socket.IO, as its manual says: one emit to everybody an event. */
const TICK_MS = 10;
/** Few at once: 1,000 clients make each emit 1,000 writes, and the sockets want their turn in between. */
const DUE_EVENTS_MAX = 20;

const server = createServer();
const io = new Server(server, { transports: ['websocket'], serveClient: false });

let eventsPerSecond = 0;
let timer: NodeJS.Timeout | undefined;
let sent = 0;

function tick(pace: Pace): void {
  const stamp = stampNow();
  for (let due = pace.take(); due > 0; due--) {
    io.emit('book_change', JSON.parse(bookChangeEvent(sent, stamp).payload));
    sent++;
  }
}

serveParent<ServerAsk>(async (ask) => {
  switch (ask.kind) {
    case 'listen':
      ({ eventsPerSecond } = ask);
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
