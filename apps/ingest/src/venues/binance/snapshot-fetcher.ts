import { setTimeout as sleep } from 'node:timers/promises';
import type { DepthSnapshotInput, VenueReport } from '../venue.ts';
import { wallClockUs } from '../wall-clock.ts';
import { type BackoffOptions, backoffMs } from './backoff.ts';
import type { SnapshotSource } from './depth-feed.ts';
import { MalformedMessage } from './malformed-message.ts';
import type { MarketSymbol } from './market-symbol.ts';
import { readDepthSnapshot } from './messages.ts';
import type { BinanceRest } from './rest.ts';

const BACKOFF: BackoffOptions = { baseMs: 250, capMs: 15_000 };
const QUICK_RETRIES_MAX = 8;
const SLOW_RETRY_MS = 60_000;

export interface SnapshotFetcherOptions {
  readonly market: MarketSymbol;
  readonly rest: BinanceRest;
  readonly report: VenueReport;
  readonly deliver: (snapshot: DepthSnapshotInput) => void;
  readonly backoff?: BackoffOptions | undefined;
}

/** Snapshots over REST: a few retries with growing waits, then one a minute until it succeeds or is cancelled. */
export class SnapshotFetcher implements SnapshotSource {
  readonly #options: SnapshotFetcherOptions;
  #abort: AbortController | undefined;

  constructor(options: SnapshotFetcherOptions) {
    this.#options = options;
  }

  request(attempt: number): void {
    this.cancel();
    this.#abort = new AbortController();
    void this.#fetch(attempt, this.#abort.signal);
  }

  cancel(): void {
    this.#abort?.abort();
    this.#abort = undefined;
  }

  async #fetch(firstAttempt: number, signal: AbortSignal): Promise<void> {
    const { market, rest, report, deliver } = this.#options;
    for (let attempt = firstAttempt; ; attempt++) {
      try {
        if (attempt > 0) await sleep(this.#waitMs(attempt), undefined, { signal });
        const text = await rest.depth(market.venueSymbol, signal);
        if (signal.aborted) return;
        const snapshot = readSnapshot(market, text, report);
        report.snapshotFetched(market.symbol);
        deliver(snapshot);
        return;
      } catch (error) {
        if (signal.aborted) return;
        const slower = attempt === QUICK_RETRIES_MAX ? `; from now on every ${SLOW_RETRY_MS / 1_000} s` : '';
        report.warn(`snapshot of ${market.symbol} failed${slower}`, { reason: (error as Error).message, attempt });
      }
    }
  }

  #waitMs(attempt: number): number {
    if (attempt > QUICK_RETRIES_MAX) return SLOW_RETRY_MS;
    return backoffMs(attempt - 1, this.#options.backoff ?? BACKOFF);
  }
}

function readSnapshot(market: MarketSymbol, text: string, report: VenueReport): DepthSnapshotInput {
  try {
    return readDepthSnapshot(market, text, wallClockUs());
  } catch (error) {
    if (error instanceof MalformedMessage) report.malformed(error.kind, text, error.message);
    throw error;
  }
}
