import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createChannel, createSession } from 'better-sse';
import { stampNow } from '../clock.ts';
import { bookChangeEvent } from '../sample-event.ts';
import { serveParent } from '../script-side.ts';
import type { ServerAsk } from './bare-server.ts';
import { Pace } from './pace.ts';

/** The same events through better-sse, as its manual says: one Channel, one broadcast an event. */
const TICK_MS = 10;
/** Few at once: 1,000 clients make each broadcast 1,000 writes, and the sockets want their turn in between. */
const DUE_EVENTS_MAX = 20;

const channel = createChannel();
const server = createServer(async (request, response) => {
  // The payload is text already; its default would be JSON.stringify of it, for each client anew.
  const session = await createSession(request, response, { serializer: (data) => data as string, keepAlive: null });
  channel.register(session);
});

let eventsPerSecond = 0;
let timer: NodeJS.Timeout | undefined;
let sent = 0;

function tick(pace: Pace): void {
  const stamp = stampNow();
  for (let due = pace.take(); due > 0; due--) {
    channel.broadcast(bookChangeEvent(sent, stamp).payload, 'book_change', { eventId: `1700000000000-${sent}` });
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
