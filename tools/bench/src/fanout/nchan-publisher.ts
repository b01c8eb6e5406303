import { connect, type Socket } from 'node:net';
import { stampNow } from '../clock.ts';
import { bookChangeEvent } from '../sample-event.ts';
import { PUBLISH_PATH } from './nchan.ts';
import { servePaced } from './paced-server.ts';

export interface NchanSetup {
  readonly port: number;
  /** Whether a batch is one message, an event to a line, rather than a message an event. */
  readonly joined: boolean;
}

/** Few at once, and no third batch before Nchan has taken the first: each event waits for all those before it. */
const DUE_EVENTS_MAX = 20;
/** In one message they cost Nchan what one does. */
const DUE_JOINED_MAX = 500;
const TAKEN = 'HTTP/1.1 20';
const HEADERS = 'Host: bench\r\nContent-Type: application/json\r\nX-EventSource-Event: book_change\r\n';

let socket: Socket;
let isJoined = false;
let sent = 0;
let awaited = 0;
let batch = 0;
let onTaken = () => {};
let failed: Error | undefined;

/** Counts the answers; what is looked for may come in two parts. */
function read(socket: Socket): void {
  let rest = '';
  socket.on('data', (part: Buffer) => {
    const text = rest + part.toString('latin1');
    let from = 0;
    for (let at = text.indexOf(TAKEN); at >= 0; at = text.indexOf(TAKEN, from)) {
      from = at + TAKEN.length;
      awaited--;
    }
    rest = text.slice(Math.max(from, text.length - TAKEN.length + 1));
    if (awaited <= batch) onTaken();
  });
  const fail = (error?: Error) => {
    failed = error ?? new Error('Nchan ended the connection');
    onTaken();
  };
  socket.on('error', fail);
  socket.on('close', () => fail());
}

function post(body: string): string {
  return `POST ${PUBLISH_PATH} HTTP/1.1\r\n${HEADERS}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** Over one connection, the requests of a batch behind one another. */
servePaced<NchanSetup>({
  dueEventsMax: (setup) => (setup.joined ? DUE_JOINED_MAX : DUE_EVENTS_MAX),
  async listen({ port, joined }) {
    isJoined = joined;
    await new Promise<void>((resolve, reject) => {
      socket = connect({ port, host: '127.0.0.1', noDelay: true }, resolve);
      socket.once('error', reject);
    });
    read(socket);
    return port;
  },
  async send(count) {
    if (failed) throw failed;
    const stamp = stampNow();
    const events = Array.from({ length: count }, () => bookChangeEvent(sent++, stamp).payload);
    const bodies = isJoined ? [events.join('\n')] : events;
    const isBehind = awaited > 0;
    awaited += bodies.length;
    batch = bodies.length;
    socket.write(bodies.map(post).join(''));
    if (!isBehind) return;
    await new Promise<void>((resolve) => {
      onTaken = resolve;
    });
  },
});
