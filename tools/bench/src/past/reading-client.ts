import type { Socket } from 'node:net';
import { openRaw } from '../fanout/raw-stream.ts';
import { serveParent } from '../script-side.ts';

export type ReadingAsk =
  /** Reads one stream until a text has come, and says how many frames came before. */
  | { readonly kind: 'read'; readonly port: number; readonly path: string; readonly until: string }
  /** Keeps so many connections open, and reads whatever comes as fast as it comes. */
  | { readonly kind: 'connect'; readonly port: number; readonly path: string; readonly clients: number }
  | { readonly kind: 'disconnect' };

export interface Reading {
  readonly frames: number;
  readonly seconds: number;
  readonly bytes: number;
}

const FRAME_END = '\n\n';

let sockets: Socket[] = [];
let bytes = 0;

async function open(port: number, path: string, onRead: (part: Buffer) => void): Promise<Socket> {
  let opened: Socket | undefined;
  await openRaw({ port, path }, onRead, (socket) => {
    opened = socket;
  });
  return opened as Socket;
}

function read(port: number, path: string, until: string): Promise<Reading> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    let frames = 0;
    let read = 0;
    /** Of the text before: what is looked for may come in two parts. */
    let rest = '';
    const opened = open(port, path, (part) => {
      const text = part.toString('latin1');
      read += text.length;
      const joined = rest + text;
      for (let at = joined.indexOf(FRAME_END); at >= 0; at = joined.indexOf(FRAME_END, at + 2)) frames++;
      if (joined.includes(until)) {
        resolve({ frames, seconds: (performance.now() - startedMs) / 1_000, bytes: read });
        opened.then((socket) => socket.destroy());
      }
      // One line feed of a frame's end at most, or it would be counted twice.
      const keep = Math.max(until.length - 1, 1);
      rest = joined.slice(-keep);
      for (let at = rest.indexOf(FRAME_END); at >= 0; at = rest.indexOf(FRAME_END, at + 2)) frames--;
    });
    opened.catch(reject);
  });
}

serveParent<ReadingAsk>(async (ask) => {
  switch (ask.kind) {
    case 'read':
      return read(ask.port, ask.path, ask.until);
    case 'connect': {
      const count = (part: Buffer) => {
        bytes += part.length;
      };
      bytes = 0;
      sockets = await Promise.all(Array.from({ length: ask.clients }, () => open(ask.port, ask.path, count)));
      return {};
    }
    case 'disconnect':
      for (const socket of sockets) socket.destroy();
      sockets = [];
      return { bytes };
  }
});
