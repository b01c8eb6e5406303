import { type Reply, ReplyError } from '../redis/reply.ts';
import type { Answer, ServerConnection, SimulatedRedis } from '../redis/simulated-redis.ts';
import type { Machine } from './machine.ts';
import { connectionClosed, type Network } from './network.ts';

/** A command on its way, and who waits for its outcome. */
export interface Request {
  readonly command: readonly string[];
  readonly settle: (reply: Reply | Error) => void;
}

/**
 * One connection of one client: requests arrive in the order in which they were sent, answers come back in the same,
 * until it breaks. What had been sent by then may have arrived, may never, or may yet.
 */
export class Wire {
  readonly server: SimulatedRedis;
  readonly #network: Network;
  readonly #machine: Machine;
  readonly #connection: ServerConnection;
  readonly #onBroken: () => void;
  #open = new Set<Request>();
  #isBroken = false;
  /** Nothing that is sent from now on arrives; nothing that is answered comes back. */
  #isDeaf = false;
  #isMute = false;
  /** Later ones do not overtake. */
  #arrivesAtMs = 0;
  #answersAtMs = 0;

  constructor(network: Network, machine: Machine, server: SimulatedRedis, onBroken: () => void) {
    this.#network = network;
    this.#machine = machine;
    this.#onBroken = onBroken;
    this.server = server;
    this.#connection = server.connect();
    machine.wires.add(this);
    this.#connection.onClosed = () => this.#breakAfter(network.noticeMs());
  }

  send(request: Request): void {
    this.#open.add(request);
    if (this.#isDeaf) return;
    const { command } = request;
    const fate = this.#network.fate(this.#machine, command);
    switch (fate.kind) {
      case 'answered':
        this.#arrive(command, (reply) => this.#answer(request, reply));
        break;
      case 'refused':
        this.#answer(request, new ReplyError(fate.error));
        break;
      case 'request_lost':
        this.#isDeaf = true;
        this.#breakAfter(fate.breaksAfterMs);
        break;
      case 'reply_lost':
        this.#arrive(command, () => {
          this.#isMute = true;
          this.#breakAfter(fate.breaksAfterMs);
        });
        break;
      case 'late':
        this.#isDeaf = true;
        this.#breakAfter(this.#network.latencyMs());
        // A read that comes late has nobody to answer.
        if (isRead(command)) break;
        this.#network.after(fate.arrivesAfterMs, () => void this.#deliverAlone(command));
        break;
      case 'twice':
        this.#arrive(command, (first) => {
          if (fate.answer === 'first') this.#answer(request, first);
          this.#network.after(fate.againAfterMs, () => {
            const isSame = this.#network.route(this.#machine) === this.server;
            const second = this.#deliverAlone(command);
            if (fate.answer === 'first') return;
            // Whoever repeats it to another process has lost the connection to this one, and its sender with it.
            if (second === undefined || !isSame) this.#breakAfter(this.#network.noticeMs());
            else this.#answer(request, second);
          });
        });
        break;
    }
  }

  /** Something between has cut it; its machine notices in a while. */
  cut(): void {
    this.#isDeaf = true;
    this.#isMute = true;
    this.#breakAfter(this.#network.noticeMs());
  }

  /** Closed by either end, or cut: whoever waits learns no more. */
  break(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#isDeaf = true;
    this.#machine.wires.delete(this);
    const open = [...this.#open];
    this.#open.clear();
    // The server's end learns of it later, if at all: what is on its way still arrives.
    this.#network.after(msUntil(this.#arrivesAtMs) + 1, () => this.#connection.close());
    this.#onBroken();
    if (this.#machine.isDead) return;
    for (const { settle } of open) settle(connectionClosed());
  }

  #breakAfter(ms: number): void {
    this.#network.after(ms, () => this.#machine.pass(() => this.break()));
  }

  #arrive(command: readonly string[], answer: Answer): void {
    this.#arrivesAtMs = Math.max(this.#arrivesAtMs, Date.now() + this.#network.latencyMs());
    this.#network.after(msUntil(this.#arrivesAtMs), () => this.#connection.submit(command, answer));
  }

  /** On another way than its connection, to whoever answers by then; undefined: nobody. */
  #deliverAlone(command: readonly string[]): Reply | ReplyError | undefined {
    try {
      return this.#network.route(this.#machine)?.execute(command);
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      return error;
    }
  }

  #answer(request: Request, reply: Reply | ReplyError): void {
    if (this.#isMute) return;
    this.#answersAtMs = Math.max(this.#answersAtMs, Date.now() + this.#network.latencyMs());
    this.#network.after(msUntil(this.#answersAtMs), () => {
      this.#machine.pass(() => {
        if (this.#open.delete(request)) request.settle(reply);
      });
    });
  }
}

function msUntil(atMs: number): number {
  return Math.max(0, atMs - Date.now());
}

function isRead([name = '']: readonly string[]): boolean {
  return name === 'XREAD';
}
