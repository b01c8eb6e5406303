import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { stampNow } from '../clock.ts';
import { bookChangeEvent } from '../sample-event.ts';
import { listenOnLoopback } from './listen.ts';
import { servePaced } from './paced-server.ts';

/** Few at once: 1,000 clients make each emit 1,000 writes, and the sockets want their turn in between. */
const DUE_EVENTS_MAX = 20;

const server = createServer();
const io = new Server(server, { transports: ['websocket'], serveClient: false });

let sent = 0;

/** The same events through Socket.IO, as its manual says: one emit to everybody an event. */
servePaced({
  dueEventsMax: DUE_EVENTS_MAX,
  listen: () => listenOnLoopback(server),
  send(count) {
    const stamp = stampNow();
    for (let i = 0; i < count; i++, sent++) io.emit('book_change', JSON.parse(bookChangeEvent(sent, stamp).payload));
  },
});
