import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { NumberScanner } from '../number-scanner.ts';
import { quantile } from '../statistics.ts';

const LATE_MS_MAX = 3_000;
const ANSWER_MS_MAX = 5_000;

/**
 * An SSE client that notes when each trade arrives, by its `trade_id`. It lives in the process that sends them, so
 * both ends read one clock.
 */
export class TradeTimer {
  readonly #socket: Socket;
  #first = 1;
  #sentMs = new Float64Array(0);
  #latenciesMs: number[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    const scanner = new NumberScanner('"trade_id":', (id) => {
      const sentMs = this.#sentMs[id - this.#first];
      if (sentMs !== undefined) this.#latenciesMs.push(performance.now() - sentMs);
    });
    socket.on('data', (chunk) => scanner.push(chunk));
  }

  static async connect(port: number, path: string): Promise<TradeTimer> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\n\r\n`);
    const head = await new Promise<Buffer>((resolve, reject) => {
      socket.once('data', resolve);
      socket.once('error', reject);
      setTimeout(() => reject(new Error(`${path} does not answer`)), ANSWER_MS_MAX).unref();
    });
    if (!head.toString('latin1').startsWith('HTTP/1.1 200')) throw new Error(`${path} answered ${head}`);
    return new TradeTimer(socket);
  }

  /** Sends `count` trades of the next ids, spread evenly over the time, and waits for all of them. */
  async round(count: number, perSecond: number, send: (id: number) => void) {
    this.#first += this.#sentMs.length;
    this.#sentMs = new Float64Array(count);
    this.#latenciesMs = [];
    const startedMs = performance.now();
    let sent = 0;
    await new Promise<void>((resolve) => {
      // Timers are a millisecond coarse: each tick sends what is due, one or two.
      const timer = setInterval(() => {
        const due = Math.min(count, Math.floor(((performance.now() - startedMs) * perSecond) / 1_000));
        for (; sent < due; sent++) {
          this.#sentMs[sent] = performance.now();
          send(this.#first + sent);
        }
        if (sent < count) return;
        clearInterval(timer);
        resolve();
      }, 1);
    });
    for (let waited = 0; this.#latenciesMs.length < count; waited += 10) {
      if (waited > LATE_MS_MAX) throw new Error(`${this.#latenciesMs.length} of ${count} trades arrived`);
      await sleep(10);
    }
    return { p50: quantile(this.#latenciesMs, 0.5), p99: quantile(this.#latenciesMs, 0.99) };
  }

  close(): void {
    this.#socket.destroy();
  }
}
