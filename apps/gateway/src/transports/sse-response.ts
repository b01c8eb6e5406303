import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LAST_CHUNK, onWire } from '../fanout/format.ts';

/** An open event stream: from here on bytes go straight onto the socket, already framed. */
export interface SseStream {
  readonly socket: Socket;
  /** HTTP/1.1: what is written has to be chunks. */
  readonly chunked: boolean;
  /** Called once, when the connection is gone; at once when it is gone already. */
  onClose(closed: () => void): void;
  /** Writes a last text and ends the response properly. */
  end(text: string): void;
}

const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
} as const;

/** Takes the response out of Fastify's hands and opens the stream; `undefined` when the client has left already. */
export async function openSse(
  request: FastifyRequest,
  reply: FastifyReply,
  cors: Readonly<Record<string, string>>,
): Promise<SseStream | undefined> {
  reply.hijack();
  const { raw: response } = reply;
  const chunked = request.raw.httpVersionMajor > 1 || request.raw.httpVersionMinor >= 1;
  const socket = await socketOf(request.raw, response);
  if (!socket || socket.destroyed) return undefined;
  // Nagle would hold back a small frame until the one before is acknowledged.
  socket.setNoDelay(true);
  response.writeHead(200, { ...HEADERS, ...cors, Connection: chunked ? 'keep-alive' : 'close' });
  response.flushHeaders();
  // A reset connection ends in `close` as well; without a listener it would end the process.
  socket.on('error', () => {});
  return {
    socket,
    chunked,
    onClose: (closed) => {
      if (socket.destroyed) closed();
      else socket.once('close', closed);
    },
    end: (text) => {
      if (socket.destroyed || socket.writableEnded) return;
      if (text !== '') socket.write(onWire(text, chunked));
      if (chunked) socket.write(LAST_CHUNK);
      socket.end();
    },
  };
}

/** The answer to HEAD: the headers that GET would have, so no length either, which Fastify would add. */
export function sseHead(reply: FastifyReply, cors: Readonly<Record<string, string>>): void {
  reply.hijack();
  reply.raw.writeHead(200, { ...HEADERS, ...cors }).end();
}

/**
 * The socket, once it is this response's turn: a client may have sent the request behind another on the same
 * connection, and until that is answered the socket is not ours to write to.
 */
function socketOf(request: IncomingMessage, response: ServerResponse): Promise<Socket | undefined> {
  if (response.socket) return Promise.resolve(response.socket);
  return new Promise((resolve) => {
    response.once('socket', () => resolve(response.socket ?? undefined));
    request.socket.once('close', () => resolve(undefined));
  });
}
