import { Filter } from '../fanout/filter.ts';
import { type Framing, onWire } from '../fanout/format.ts';
import { LogSession, type Sink } from '../fanout/session.ts';
import type { Gateway } from '../gateway.ts';
import type { ResumeRequest } from '../resume/locator.ts';
import { ViewSession } from '../views/view-session.ts';
import { type StreamSubscription, topicsOf } from './stream-params.ts';

/** The books are not held back longer than that by the question whether a cursor is known: Redis may be away. */
const RESET_CHECK_MS_MAX = 1_000;

/**
 * One connection to `/stream`: a view session, and beside it a log session when log-type streams were asked for. Each
 * writes whole frames in whole chunks, so that they may interleave anywhere, and waits when the socket has not taken
 * what either of them wrote. The cursor is the log session's; the views are silent about ids then.
 */
export class StreamSession {
  readonly #gateway: Gateway;
  readonly #subscription: StreamSubscription;
  readonly #views: ViewSession;
  readonly #log: LogSession | undefined;
  #isClosed = false;

  constructor(gateway: Gateway, sink: Sink, framing: Framing, subscription: StreamSubscription) {
    this.#gateway = gateway;
    this.#subscription = subscription;
    const { views, topics } = gateway;
    const { intervalMs, every, logStreams } = subscription;
    const hasLog = logStreams.length > 0;
    const watched = subscription.views.map((stream) => views.view(stream));
    const viewSession = new ViewSession(sink, { framing, intervalMs, views: watched, every, hasLog });
    this.#views = viewSession;
    if (!hasLog) return;
    const filter = Filter.ofNames(topics, topicsOf(logStreams));
    const format = { ids: 'cursor', chain: false, framing } as const;
    this.#log = new LogSession(sink, filter, format, { onReset: () => views.showAgain(viewSession) });
  }

  /** Writes `head` (control frames), how things stand, and keeps the client up to date. Never rejects. */
  async start(head: string): Promise<void> {
    if (this.#isClosed) return;
    const { views, fanout, ladder } = this.#gateway;
    const { resume } = this.#subscription;
    // Where there are log-type streams the cursor is theirs, and they say what has become of it.
    if (resume && !this.#log) return await this.#resumeViews(head, resume);
    views.add(this.#views, head);
    if (!this.#log) return;
    fanout.add(this.#log);
    await ladder.start(this.#log, resume, 'snapshot');
  }

  /** Safe to call again, and before it has been started. */
  close(): void {
    this.#isClosed = true;
    this.#gateway.views.close(this.#views);
    if (this.#log) this.#gateway.fanout.close(this.#log);
  }

  /** The head at once, a `reset` before the first frames when that is known soon, else when it is known. */
  async #resumeViews(head: string, resume: ResumeRequest): Promise<void> {
    const { views, ladder } = this.#gateway;
    this.#write(head);
    const reset = ladder.viewReset(resume).catch(() => '');
    const known = await within(reset, RESET_CHECK_MS_MAX);
    if (this.#isClosed) return;
    views.add(this.#views, known ?? '');
    if (known !== undefined) return;
    const late = await reset;
    if (this.#isClosed || late === '') return;
    this.#write(late);
    views.showAgain(this.#views);
  }

  #write(text: string): void {
    // An empty chunk would end the response.
    if (text !== '') this.#views.sink.write(onWire(text, this.#views.framing));
  }
}

/** What comes of it, or `undefined` when that takes longer. */
function within<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
