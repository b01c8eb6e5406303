import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerResponse, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Framing, LAST_CHUNK, onWire } from '../fanout/format.ts';
import type { Sink } from '../fanout/session.ts';
import { LateSink } from './late-sink.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

/** An open event stream: from here on bytes go straight onto the socket, or the stream of HTTP/2, already framed. */
export interface SseStream {
  readonly socket: Sink & { readonly destroyed: boolean };
  readonly framing: Framing;
  /** Called once, when the connection is gone; at once when it is gone already. */
  onClose(closed: () => void): void;
  /** Writes a last text and ends the response properly. */
  end(text: string): void;
}

const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
  ...SECURITY_HEADERS,
} as const;

/** Takes the response out of Fastify's hands and opens the stream; `undefined` when the client has left already. */
export function openSse(
  request: FastifyRequest,
  reply: FastifyReply,
  cors: Readonly<Record<string, string>>,
): Promise<SseStream | undefined> {
  reply.hijack();
  const headers = { ...HEADERS, ...cors };
  if (request.raw.httpVersionMajor === 2) {
    return Promise.resolve(openOnHttp2(reply.raw as unknown as Http2ServerResponse, headers));
  }
  return openOnSocket(request, reply, headers);
}

async function openOnSocket(
  request: FastifyRequest,
  { raw: response }: FastifyReply,
  headers: Readonly<Record<string, string>>,
): Promise<SseStream | undefined> {
  const chunked = request.raw.httpVersionMajor > 1 || request.raw.httpVersionMinor >= 1;
  const framing: Framing = chunked ? 'chunks' : 'plain';
  const socket = await socketOf(request.raw, response);
  if (!socket || socket.destroyed) return undefined;
  // Nagle would hold back a small frame until the one before is acknowledged.
  socket.setNoDelay(true);
  response.writeHead(200, { ...headers, Connection: chunked ? 'keep-alive' : 'close' });
  response.flushHeaders();
  const isSecure = (socket as TLSSocket).encrypted === true;
  return streamOn(socket, isSecure ? new LateSink(socket) : socket, framing);
}

/** HTTP/2 has frames of its own, and one socket for many streams: what is written and closed is the stream. */
function openOnHttp2(response: Http2ServerResponse, headers: Readonly<Record<string, string>>): SseStream | undefined {
  // Gone with its connection.
  const stream = response.stream as ServerHttp2Stream | undefined;
  if (!stream || stream.destroyed) return undefined;
  response.writeHead(200, headers);
  return streamOn(stream, new LateSink(stream), 'plain');
}

function streamOn(connection: Socket | ServerHttp2Stream, sink: SseStream['socket'], framing: Framing): SseStream {
  // A reset connection ends in `close` as well; without a listener it would end the process.
  connection.on('error', () => {});
  return {
    socket: sink,
    framing,
    onClose: (closed) => {
      if (connection.destroyed) closed();
      else connection.once('close', closed);
    },
    end: (text) => {
      if (connection.destroyed || connection.writableEnded) return;
      if (text !== '') connection.write(onWire(text, framing));
      if (framing === 'chunks') connection.write(LAST_CHUNK);
      connection.end();
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
