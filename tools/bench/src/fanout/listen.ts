import type { AddressInfo, Server } from 'node:net';

/** Thousands of clients connect at once. */
const BACKLOG = 4_096;

/** Resolves to the port, a free one. */
export async function listenOnLoopback(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', BACKLOG, resolve));
  return (server.address() as AddressInfo).port;
}
