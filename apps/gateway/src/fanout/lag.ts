import { type LogSession, NOWHERE } from './session.ts';
import type { Window } from './window.ts';

/**
 * Entries that a session has yet to be sent, or looked at for it; `undefined` where that cannot be told: its cursor is of
 * an epoch that has left the window.
 */
export function lagOf({ state, position, cursor }: LogSession, { tail, end }: Window): number | undefined {
  if (state === 'head') return 0;
  if (position !== NOWHERE) return end - position;
  return cursor && tail?.epoch === cursor.epoch ? tail.offset - cursor.offset : undefined;
}

export interface LagLimitOptions {
  readonly window: Window;
  readonly sessions: ReadonlySet<LogSession>;
  /** Entries that a session may fall back by; 0: any number. */
  readonly entriesMax: number;
}

/**
 * Finds those who do not take what they are sent: whoever waits for its own socket, and has fallen back by more than the
 * limit since it began, or was last at the head, or was last held by nothing but its rate. One that comes back from far is
 * measured from there, so it is never found while it gets on.
 */
export class LagLimit {
  /** Called once for each that is found; it is expected to end the session. */
  onTooSlow: (session: LogSession, lag: number) => void = ({ sink }) => sink.destroy();
  readonly #options: LagLimitOptions;

  constructor(options: LagLimitOptions) {
    this.#options = options;
  }

  /** Call it often. */
  check(): void {
    const { window, sessions, entriesMax } = this.#options;
    if (entriesMax === 0) return;
    for (const session of sessions) {
      if (session.state === 'head') continue;
      const lag = lagOf(session, window);
      if (lag === undefined || session.state === 'held') session.lagBefore = undefined;
      else session.lagBefore ??= lag;
      const isFar = lag !== undefined && lag - (session.lagBefore ?? lag) > entriesMax;
      if (isFar && session.state === 'draining') this.onTooSlow(session, lag);
    }
  }
}
