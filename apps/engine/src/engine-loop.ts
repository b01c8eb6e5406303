import { type Claimed, type Lag, Lease, LogWriter, type PartitionKeys, type RedisClient } from '@depthcast/log';
import { logicVersionOf, type MarketOptions, marketOptions } from '@depthcast/market';
import { type Cursor, formatTsNs } from '@depthcast/protocol';
import { ApplyLoop, type ApplyObserver } from './apply-loop.ts';
import { LogTrimmer } from './log-trimmer.ts';
import { type Recovered, recover } from './recover.ts';
import { Standby, type StandbyObserver } from './standby.ts';

export interface EngineLoopOptions {
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  /** Unique to this process start. */
  readonly writer: string;
  readonly logBytesMax: number;
  readonly snapshotEveryMs: number;
  /** A snapshot is also due after so many events: the log cannot be trimmed past the older one. */
  readonly snapshotEveryEvents: number;
  /** The market's; others than those that the log was written with hold from the takeover on. */
  readonly market?: Partial<MarketOptions>;
  readonly observer?: EngineObserver;
}

/** What happens to an engine, for logs and metrics. */
export interface EngineObserver extends StandbyObserver, ApplyObserver {
  /** Another engine appends; this one stands by until its lease ends. */
  standby?(holder: string): void;
  /** It appends from now on, `ms` after it got the lease. */
  recovered?(recovered: Recovered, cursor: Cursor, ms: number): void;
  trimmed?(entries: number): void;
  /** Where there is a journal; each time that the trimmer looks. */
  journalLags?(lag: Lag): void;
  doubt?(what: string, error: Error): void;
}

/**
 * One engine's life: it stands by while another one appends, brings itself to the log's tip once it has the lease,
 * then goes on from there with {@link ApplyLoop}.
 */
export class EngineLoop {
  readonly #options: EngineLoopOptions;
  readonly #market: MarketOptions;
  readonly #writer: LogWriter;
  readonly #trimmer: LogTrimmer;
  readonly #standby: Standby;
  readonly #lease: Lease;
  /** Ends what retries; aborted with run()'s signal, and whenever run() ends. */
  readonly #ending = new AbortController();
  /** Ends the waiting for the lease: it is there, or the standby has found what nobody should append to. */
  readonly #waiting = new AbortController();
  #following: Promise<void> | undefined;
  #applying: ApplyLoop | undefined;

  constructor(options: EngineLoopOptions) {
    this.#options = options;
    const { client, keys, writer, observer } = options;
    this.#market = marketOptions(options.market);
    this.#writer = new LogWriter({
      client,
      keys,
      writer,
      logicVersion: logicVersionOf(options.market),
      signal: this.#ending.signal,
      // Whoever was succeeded without noticing must not repair what its successor has done since.
      state: () => (this.#lease.lapsed ? undefined : this.#applying?.state()),
      onRepaired: (repaired) => this.#applying?.onRepaired(repaired),
      onDoubt: (what, error) => {
        if (error.message.startsWith('OOM')) this.#trimmer.onOutOfMemory();
        observer?.doubt?.(what, error);
      },
    });
    this.#trimmer = new LogTrimmer({
      client,
      keys,
      writer: this.#writer,
      logBytesMax: options.logBytesMax,
      onTrimmed: (entries) => observer?.trimmed?.(entries),
      onJournalLag: (lag) => observer?.journalLags?.(lag),
    });
    this.#standby = new Standby({ client, keys, market: this.#market, signal: this.#ending.signal, observer });
    this.#lease = new Lease({
      client,
      keys,
      id: writer,
      onStandby: (holder) => this.#onStandby(holder),
      heldMs: () => this.#writer.heldMs,
    });
  }

  /**
   * Runs until `signal` aborts; an engine that appends then stores a last snapshot.
   *
   * @throws DepthcastError `FENCED`, `RECOVERY_MISMATCH` or `INBOX_TRIMMED`: the process must end.
   */
  async run(signal: AbortSignal): Promise<void> {
    const end = () => this.#ending.abort();
    signal.addEventListener('abort', end, { once: true });
    let trimming: Promise<void> | undefined;
    try {
      await this.#acquire(signal);
      const began = performance.now();
      const claimed = await this.#writer.claim();
      // From here on: what a recovery writes may need room, too.
      trimming = this.#trimmer.run(this.#ending.signal);
      const recovered = await this.#takeOver(claimed);
      const applying = this.#applyFrom(recovered, signal);
      // Stored before anything is appended: from here on every output in the log is this version's own. What a
      // standby goes on with is that already, unless its options are others.
      const isOwn = recovered.from === 'standby' && claimed.tip?.logicVersion === recovered.market.logicVersion;
      if (!isOwn) await applying.snapshot();
      await this.#announce(recovered);
      this.#options.observer?.recovered?.(recovered, this.#writer.cursor, performance.now() - began);
      await applying.run();
    } finally {
      end();
      this.#waiting.abort();
      await this.#following;
      this.#standby.close();
      await this.#lease.release();
      await trimming;
    }
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    const waiting = this.#waiting;
    try {
      await this.#lease.acquire(AbortSignal.any([signal, waiting.signal]));
    } catch (error) {
      throw waiting.signal.aborted ? waiting.signal.reason : error;
    }
    waiting.signal.throwIfAborted();
    waiting.abort();
    await this.#following;
  }

  #onStandby(holder: string): void {
    this.#options.observer?.standby?.(holder);
    this.#following = this.#standby.follow(this.#waiting.signal).catch((error) => this.#waiting.abort(error));
  }

  async #takeOver(claimed: Claimed): Promise<Recovered> {
    const { client, keys } = this.#options;
    const ready = await this.#standby.takeOver(claimed);
    if (ready) return ready;
    const [writer, market, signal] = [this.#writer, this.#market, this.#ending.signal];
    return recover({ client, keys, writer, market, signal }, claimed);
  }

  #applyFrom({ market, inboxId }: Recovered, signal: AbortSignal): ApplyLoop {
    const { client, keys, snapshotEveryMs, snapshotEveryEvents, observer } = this.#options;
    const writer = this.#writer;
    const options = { client, keys, writer, market, inboxId, snapshotEveryMs, snapshotEveryEvents, signal, observer };
    this.#applying = new ApplyLoop(options);
    return this.#applying;
  }

  async #announce({ market, inboxId, newEpoch }: Recovered): Promise<void> {
    const reason = newEpoch ?? 'takeover';
    const payload = `{"type":"engine","ts_ns":${formatTsNs(market.eventTimeUs)},"version":"${market.logicVersion}","reason":"${reason}"}`;
    await this.#writer.append([{ topic: 'engine', payload }], inboxId);
  }
}
