import { connect, type Socket } from 'node:net';
import { serveParent } from '../script-side.ts';

export type SlowAsk =
  | {
      readonly kind: 'connect';
      readonly port: number;
      readonly path: string;
      /** So many that read a KiB a second, */
      readonly trickling: number;
      /** and so many that read the answer's head and nothing more. */
      readonly silent: number;
    }
  | { readonly kind: 'disconnect' };

const READ_BYTES = 1 << 10;
const TICK_MS = 1_000;

let sockets: Socket[] = [];
let timer: NodeJS.Timeout | undefined;

function open(port: number, path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const onRead = (): boolean => {
      resolve(socket);
      return false;
    };
    const onread = { buffer: Buffer.allocUnsafeSlow(READ_BYTES), callback: onRead };
    const socket = connect({ port, host: '127.0.0.1', onread }, () => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
    });
    socket.on('error', reject);
    sockets.push(socket);
  });
}

serveParent<SlowAsk>(async (ask) => {
  clearInterval(timer);
  if (ask.kind === 'disconnect') {
    for (const socket of sockets) socket.destroy();
    sockets = [];
    return {};
  }
  const { port, path, trickling, silent } = ask;
  const opened = await Promise.all(Array.from({ length: trickling + silent }, () => open(port, path)));
  const reading = opened.slice(0, trickling);
  timer = setInterval(() => {
    for (const socket of reading) socket.resume();
  }, TICK_MS);
  return {};
});
