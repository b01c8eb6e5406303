import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { DepthcastError } from '@depthcast/protocol';
import { errorAnswer } from './error-answer.ts';

/** Path and headers of one request, all together. */
export const HEADER_BYTES_MAX = 16 << 10;

/** Answers what Node could not read as a request, which no route and no filter ever sees. */
export function answerClientError(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const answer = answerTo(error.code);
  if (!answer || !socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify(errorAnswer(answer));
  const head = [
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

/** Who is too slow is not answered: nobody has asked for anything yet. */
function answerTo(code: string | undefined): DepthcastError | undefined {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return undefined;
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new DepthcastError('HEADERS_TOO_LARGE', `path and headers have more than ${HEADER_BYTES_MAX} bytes`);
  }
  return new DepthcastError('REQUEST_MALFORMED', 'this is not HTTP');
}
