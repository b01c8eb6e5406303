import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Redis } from 'ioredis';
import { serveParent } from '../script-side.ts';

/**
 * One hop of the same path by hand, with none of our code: a blocked XREAD that passes on what it gets, to another
 * stream (where the engine stands) or to SSE clients (where the gateway stands).
 */
export type HopAsk =
  | { readonly kind: 'relay'; readonly url: string; readonly from: string; readonly to: string }
  | { readonly kind: 'serve'; readonly url: string; readonly from: string };

type Entry = [id: string, fields: string[]];

async function follow(reader: Redis, stream: string, onEntries: (entries: Entry[]) => void): Promise<void> {
  for (let last = '0-0'; ; ) {
    const reply: [string, Entry[]][] | null = await reader.xread('COUNT', 1_000, 'BLOCK', 0, 'STREAMS', stream, last);
    const entries = reply?.[0]?.[1] ?? [];
    last = entries.at(-1)?.[0] ?? last;
    onEntries(entries);
  }
}

function relay(url: string, from: string, to: string): void {
  const writer = new Redis(url);
  void follow(new Redis(url), from, (entries) => {
    for (const [, [topic = '', payload = '']] of entries) void writer.xadd(to, '*', topic, payload);
  });
}

async function serve(url: string, from: string): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer(({ socket }) => {
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    socket.setNoDelay(true);
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n: ok\n\n');
    sockets.add(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  void follow(new Redis(url), from, (entries) => {
    const text = entries.map(([id, [, payload]]) => `id: ${id}\nevent: trade\ndata: ${payload}\n\n`).join('');
    for (const socket of sockets) socket.write(text);
  });
  return (server.address() as AddressInfo).port;
}

serveParent<HopAsk>(async (ask) => {
  if (ask.kind === 'relay') relay(ask.url, ask.from, ask.to);
  else return { port: await serve(ask.url, ask.from) };
  return {};
});
