import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { listenOnLoopback } from '../fanout/listen.ts';
import { serveParent } from '../script-side.ts';

export interface BlobAsk {
  /** An answer, head and all. */
  readonly file: string;
}

/** Answers whatever it is asked with bytes that it has, in one write. */
serveParent<BlobAsk>(async ({ file }) => {
  const answer = readFileSync(file);
  const server = createServer(({ socket }) => {
    socket.on('error', () => {});
    socket.setNoDelay(true);
    socket.write(answer);
  });
  return { port: await listenOnLoopback(server) };
});
