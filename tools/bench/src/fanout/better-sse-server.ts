import { createServer } from 'node:http';
import { createChannel, createSession } from 'better-sse';
import { stampNow } from '../clock.ts';
import { bookChangeEvent } from '../sample-event.ts';
import { listenOnLoopback } from './listen.ts';
import { servePaced } from './paced-server.ts';

/** Few at once: 1,000 clients make each broadcast 1,000 writes, and the sockets want their turn in between. */
const DUE_EVENTS_MAX = 20;

const channel = createChannel();
const server = createServer(async (request, response) => {
  // The payload is text already; its default would be JSON.stringify of it, for each client anew.
  const session = await createSession(request, response, { serializer: (data) => data as string, keepAlive: null });
  channel.register(session);
});

let sent = 0;

/** The same events through better-sse, as its manual says: one Channel, one broadcast an event. */
servePaced({
  dueEventsMax: DUE_EVENTS_MAX,
  listen: () => listenOnLoopback(server),
  send(count) {
    const stamp = stampNow();
    for (let i = 0; i < count; i++, sent++) {
      channel.broadcast(bookChangeEvent(sent, stamp).payload, 'book_change', { eventId: `1700000000000-${sent}` });
    }
  },
});
