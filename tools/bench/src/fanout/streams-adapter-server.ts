import { createServer } from 'node:http';
import { serveParent } from '../script-side.ts';
import { listenOnLoopback } from './listen.ts';
import { streamsServer } from './streams-adapter.ts';

/** The node of Socket.IO that has the clients: what it sends them comes from another node, through Redis. */
serveParent<{ readonly url: string }>(async ({ url }) => {
  const server = createServer();
  streamsServer(url).attach(server);
  return { port: await listenOnLoopback(server) };
});
