import { within } from '@depthcast/ops';
import { type Framing, onWire } from '../fanout/format.ts';
import type { RateBudget } from '../fanout/rates.ts';
import type { Sink } from '../fanout/session.ts';
import type { Gateway } from '../gateway.ts';
import { Bundle } from '../partitions/bundle.ts';
import type { Partitions } from '../partitions/partitions.ts';
import { viewReset } from '../partitions/view-reset.ts';
import type { ResumeRequest } from '../resume/locator.ts';
import type { ViewHub } from '../views/view-hub.ts';
import { ViewSession } from '../views/view-session.ts';
import { type StreamSubscription, topicsOf } from './stream-params.ts';

/** The books are not held back longer than that by the question whether a cursor is known: Redis may be away. */
const RESET_CHECK_MS_MAX = 1_000;

/** A view session, in the hub of its partition. */
interface Watching {
  readonly hub: ViewHub;
  readonly session: ViewSession;
}

/**
 * One connection to `/stream`: a view session in each partition that it concerns, and beside them a log session in each
 * when log-type streams were asked for. Each writes whole frames in whole chunks, so that they may interleave anywhere,
 * and waits when the socket has not taken what any of them wrote. The cursor is the log's; the views are silent about
 * ids then.
 */
export class StreamSession {
  readonly #partitions: Partitions;
  readonly #subscription: StreamSubscription;
  readonly #sink: Sink;
  readonly #framing: Framing;
  readonly #views: readonly Watching[];
  readonly #log: Bundle | undefined;
  readonly #budget: RateBudget | undefined;
  #isClosed = false;

  /** @param budget where the connection has a rate. */
  constructor(
    partitions: Partitions,
    sink: Sink,
    framing: Framing,
    subscription: StreamSubscription,
    budget?: RateBudget,
  ) {
    this.#partitions = partitions;
    this.#budget = budget;
    this.#subscription = subscription;
    this.#sink = sink;
    this.#framing = framing;
    this.#views = this.#watch();
    if (subscription.logStreams.length > 0) this.#log = this.#follow();
  }

  /** Writes `head` (control frames), how things stand, and keeps the client up to date. Never rejects. */
  async start(head: string): Promise<void> {
    if (this.#isClosed) return;
    const { resume } = this.#subscription;
    // Where there are log-type streams the cursor is theirs, and they say what has become of it.
    if (resume && !this.#log) return await this.#resumeViews(head, resume);
    this.#show(head);
    await this.#log?.start(resume);
  }

  /** Safe to call again, and before it has been started. */
  close(): void {
    this.#isClosed = true;
    for (const { hub, session } of this.#views) hub.close(session);
    this.#log?.close();
  }

  #watch(): Watching[] {
    const { views, every, logStreams, intervalMs } = this.#subscription;
    const partitions = this.#partitions;
    const hasLog = logStreams.length > 0;
    const symbols = views.map(({ symbol }) => symbol);
    const indexes = partitions.indexesOf(every ? undefined : symbols);
    // Heartbeats are for all connections, and one each.
    if (indexes.length === 0) indexes.push(0);
    return indexes.map((index, i) => {
      const hub = (partitions.all[index] as Gateway).views;
      const own = views.filter(({ symbol }) => partitions.indexOf(symbol) === index);
      const session = new ViewSession(this.#sink, {
        framing: this.#framing,
        intervalMs,
        views: own.map((stream) => hub.view(stream)),
        every,
        hasLog,
        hasHeartbeats: i === 0,
        budget: this.#budget,
      });
      return { hub, session };
    });
  }

  #follow(): Bundle {
    const partitions = this.#partitions;
    const { logStreams } = this.#subscription;
    const format = { ids: 'cursor', chain: false, framing: this.#framing } as const;
    const onReset = () => this.#showAgain();
    const bundle = new Bundle({ partitions, sink: this.#sink, format, companion: { onReset }, budget: this.#budget });
    for (const index of partitions.indexesOf(logStreams.map(({ symbol }) => symbol))) {
      const own = logStreams.filter(({ symbol }) => partitions.indexOf(symbol) === index);
      const { filters } = partitions.all[index] as Gateway;
      bundle.add(index, { filter: filters.ofNames(topicsOf(own)), fresh: 'snapshot' });
    }
    return bundle;
  }

  /** The head at once, a `reset` before the first frames when that is known soon, else when it is known. */
  async #resumeViews(head: string, resume: ResumeRequest): Promise<void> {
    this.#write(head);
    const { every, views } = this.#subscription;
    const concerned = this.#partitions.indexesOf(every ? undefined : views.map(({ symbol }) => symbol));
    const reset = viewReset(this.#partitions, resume, concerned).catch(() => '');
    const known = await within(reset, RESET_CHECK_MS_MAX);
    if (this.#isClosed) return;
    this.#show(known ?? '');
    if (known !== undefined) return;
    const late = await reset;
    if (this.#isClosed || late === '') return;
    this.#write(late);
    this.#showAgain();
  }

  #show(head: string): void {
    for (const [i, { hub, session }] of this.#views.entries()) hub.add(session, i === 0 ? head : '');
  }

  #showAgain(): void {
    for (const { hub, session } of this.#views) hub.showAgain(session);
  }

  #write(text: string): void {
    // An empty chunk would end the response.
    if (text !== '') this.#sink.write(onWire(text, this.#framing));
  }
}
