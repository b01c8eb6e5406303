import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from 'socket.io';
import { stampNow } from '../clock.ts';
import { NumberScanner } from '../number-scanner.ts';
import { bookChangeEvent } from '../sample-event.ts';
import { servePaced } from './paced-server.ts';
import { openRaw } from './raw-stream.ts';
import { streamsServer } from './streams-adapter.ts';

export interface AdapterSetup {
  readonly url: string;
  /** Of the node that has the clients. */
  readonly port: number;
}

/** Few at once, and no third batch before the first has come out: what nobody keeps up with would only age. */
const DUE_EVENTS_MAX = 20;
const HEAR_MS_MAX = 2_000;
const PATH = '/socket.io/?EIO=4&transport=websocket';

let io: Server;
let sent = 0;
let heard = 0;
let onHeard = () => {};

/** A node of Socket.IO without clients, which is what emits. It hears its own messages as a client of the other node. */
servePaced<AdapterSetup>({
  dueEventsMax: DUE_EVENTS_MAX,
  async listen({ url, port }) {
    io = streamsServer(url);
    const scanner = new NumberScanner('"ts_ns":', () => {
      heard++;
      if (heard >= sent - DUE_EVENTS_MAX) onHeard();
    });
    const hear = (part: Buffer) => scanner.push(part);
    await openRaw({ port, path: PATH, over: 'websocket', say: '40' }, hear, () => {});
    return port;
  },
  async send(count) {
    const stamp = stampNow();
    const all = new Promise<void>((resolve) => {
      onHeard = resolve;
    });
    for (let i = 0; i < count; i++) io.emit('book_change', JSON.parse(bookChangeEvent(sent++, stamp).payload));
    // The node begins at the newest message whenever it has had none, so that the first of all may be lost.
    if (heard >= sent - DUE_EVENTS_MAX) return;
    const isHeard = await Promise.race([all.then(() => true), sleep(HEAR_MS_MAX, false, { ref: false })]);
    if (!isHeard) heard = sent;
  },
});
