import { createServer } from 'node:http';
import { serveParent } from '../script-side.ts';
import { listenOnLoopback } from './listen.ts';

/** What an open event stream costs plain Node: a response that is never ended, and nothing remembered of it. */
const server = createServer((_request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  response.write(': ok\n\n');
});

serveParent<{ readonly kind: 'listen' }>(async () => ({ port: await listenOnLoopback(server) }));
