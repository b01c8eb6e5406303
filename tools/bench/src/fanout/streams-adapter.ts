import { createAdapter } from '@socket.io/redis-streams-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';

/** The clients here count bytes and answer nothing, pings neither. */
const PING_MS = 600_000;

/** A server of Socket.IO that shares its messages with others through Redis, as the adapter's manual says. */
export function streamsServer(url: string): Server {
  const adapter = createAdapter(new Redis(url), { onlyPlaintext: true });
  return new Server({ transports: ['websocket'], serveClient: false, pingInterval: PING_MS, adapter });
}
