import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Http2Opening } from './http2-opening.ts';

/** What a client asks for, and how. */
export interface RawTarget {
  readonly port: number;
  readonly path: string;
  /** Default `http`: HTTP/1.1. */
  readonly over?: 'http' | 'https' | 'http2' | 'websocket';
  /** The first thing that is said on a WebSocket. */
  readonly say?: string;
  /** How many times the path is asked for on the one connection; more than one is HTTP/2's alone. */
  readonly streams?: number;
}

/** The way to a stream that flows: what is sent first, and what is to be made of the answer. */
export interface Opening {
  readonly request: string | Buffer;
  /**
   * @returns whether what follows is the stream's.
   * @throws Error when the answer is not the one that was asked for.
   */
  take(part: Buffer, reply: (bytes: Buffer) => void): boolean;
}

const READ_BYTES = 256 << 10;
const HEAD_CHARS_MAX = 400;
const SSE_HEADERS = 'Accept: text/event-stream\r\n';
const WEBSOCKET_HEADERS =
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
/** FIN and opcode 1, and the bit that says masked: clients have to, and a mask of zeros changes nothing. */
const TEXT_FRAME = 0x81;
const MASKED = 0x80;
const MASK_BYTES = 4;
const SHORT_BYTES_MAX = 125;

/** Every socket reads into it: clients are to cost less than what they read from. */
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

/**
 * A connection that costs its process as little as can be: no parser, no copy. Resolves when the stream is open.
 *
 * @param onRead gets all that comes, the answer's head too; it stands in `part` until this returns.
 * @param onOpened the socket, before it is connected, for whoever wants to end it.
 */
export function openRaw(
  target: RawTarget,
  onRead: (part: Buffer) => void,
  onSocket: (socket: Socket) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const opening = openingOf(target);
    let isOpen = false;
    const callback = (count: number): boolean => {
      const part = shared.subarray(0, count);
      if (!isOpen) {
        try {
          isOpen = opening.take(part, (bytes) => void socket.write(bytes));
        } catch (error) {
          reject(error);
        }
        if (isOpen) resolve();
      }
      onRead(part);
      return true;
    };
    const { port, over = 'http' } = target;
    const options: TcpNetConnectOpts = { port, host: '127.0.0.1', onread: { buffer: shared, callback } };
    const request = () => void socket.write(opening.request);
    const socket =
      over === 'https' || over === 'http2'
        ? // A certificate that this bench has made itself, for a server of its own on loopback.
          connectTls(
            { ...options, rejectUnauthorized: false, ALPNProtocols: [over === 'http2' ? 'h2' : 'http/1.1'] },
            request,
          )
        : connect(options, request);
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('the server ended the connection')));
    onSocket(socket);
  });
}

function openingOf({ port, path, over = 'http', say, streams = 1 }: RawTarget): Opening {
  if (over === 'http2') return new Http2Opening(`127.0.0.1:${port}`, path, streams);
  const isSocket = over === 'websocket';
  const ok = isSocket ? 'HTTP/1.1 101' : 'HTTP/1.1 200';
  const headers = isSocket ? WEBSOCKET_HEADERS : SSE_HEADERS;
  return {
    request: `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${headers}\r\n`,
    take(part, reply) {
      const head = part.toString('latin1', 0, HEAD_CHARS_MAX);
      if (!head.startsWith(ok)) throw new Error(`${path} answered ${head}`);
      if (say !== undefined) reply(textFrame(say));
      return true;
    },
  };
}

function textFrame(text: string): Buffer {
  if (text.length > SHORT_BYTES_MAX) throw new Error(`${text.length} characters do not fit a short frame`);
  return Buffer.concat([Buffer.from([TEXT_FRAME, MASKED | text.length]), Buffer.alloc(MASK_BYTES), Buffer.from(text)]);
}
