import { serveParent } from '../script-side.ts';
import { Pace } from './pace.ts';

/** What a reference is asked. One `listen` first; it may be started and stopped any number of times. */
export type ServerAsk<Setup extends object = object> =
  | ({ readonly kind: 'listen'; readonly eventsPerSecond: number } & Setup)
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' };

export interface PacedServer<Setup extends object> {
  /** When more are due at once, what is beyond is given up: nobody could keep up. */
  readonly dueEventsMax: number | ((setup: Setup) => number);
  /** Resolves to the port. */
  listen(setup: Setup): Promise<number>;
  /** Sends so many events. While it is a promise that is not kept yet, no more are asked for. */
  send(count: number): void | Promise<void>;
}

const TICK_MS = 10;

/** The child's half of a reference that makes the events itself, in batches of 10 ms, at a held rate. */
export function servePaced<Setup extends object = object>({ dueEventsMax, listen, send }: PacedServer<Setup>): void {
  let eventsPerSecond = 0;
  let dueMax = 0;
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;

  function tick(pace: Pace): void {
    if (sending) return;
    const due = pace.take();
    if (due === 0) return;
    const sent = send(due);
    if (!sent) return;
    sending = sent.finally(() => {
      sending = undefined;
    });
  }

  function start(): void {
    const pace = new Pace(eventsPerSecond, dueMax);
    timer = setInterval(() => tick(pace), TICK_MS);
  }

  serveParent<ServerAsk<Setup>>(async (ask) => {
    switch (ask.kind) {
      case 'listen':
        ({ eventsPerSecond } = ask);
        dueMax = typeof dueEventsMax === 'number' ? dueEventsMax : dueEventsMax(ask);
        return { port: await listen(ask) };
      case 'start':
        start();
        return {};
      case 'stop':
        clearInterval(timer);
        await sending;
        return {};
    }
  });
}
