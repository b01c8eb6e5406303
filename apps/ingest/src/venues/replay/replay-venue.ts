import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { UnstampedInput } from '@depthcast/protocol';
import { Observable, type Subscriber } from 'rxjs';
import { DepthFeed } from '../binance/depth-feed.ts';
import { MalformedMessage } from '../binance/malformed-message.ts';
import { type MarketSymbol, symbolInput } from '../binance/market-symbol.ts';
import { BinanceAdapter, readDepthSnapshot } from '../binance/messages.ts';
import { feedInput } from '../feed-input.ts';
import type { QueueGauge, Venue, VenueReport } from '../venue.ts';
import { type CaptureLine, captureLines, parseCaptureLine } from './capture.ts';
import { type Probe, probeCapture } from './probe.ts';
import { RecordedDepth } from './recorded-depth.ts';
import { ReplayPace } from './replay-pace.ts';

const SECOND_US = 1_000_000;
/** Inputs on their way to Redis beyond which reading waits; a diff of 1 KB makes that some 5 MB. */
const QUEUED_INPUTS_MAX = 5_000;
const QUEUE_POLL_MS = 2;
/** At full speed, how many lines are read before the rest of the process gets its turn. */
const LINES_PER_TURN = 256;

export interface ReplayOptions {
  /** Plain or gzip, lines of `<receive time in ns> <raw JSON>`. */
  readonly file: string;
  /** 1 is as fast as it was recorded; `max` as fast as the queue takes it. */
  readonly speed: number | 'max';
  readonly gauge: QueueGauge;
  readonly report: VenueReport;
  /** Unset: one unit in the last decimal the capture writes. */
  readonly tick?: string | undefined;
  readonly step?: string | undefined;
}

/**
 * A capture of Binance's streams (spot or USD-M, one symbol) through the same adapter as the live venue. Its clock is
 * the capture's. At the end it stays silent, and resyncs do not bring the end back.
 */
export class ReplayVenue implements Venue {
  readonly name = 'replay';
  readonly #options: ReplayOptions;
  readonly #market: MarketSymbol;
  readonly #adapter: BinanceAdapter;
  readonly #recorded: RecordedDepth;
  readonly #depth: DepthFeed;
  #subscriber: Subscriber<UnstampedInput> | undefined;
  #nowUs: number;
  #lines = 0;
  #inputs = 0;
  #malformed = 0;

  /** @throws DepthcastError `CONFIG_INVALID` when there is no such file or it is not a capture. */
  static async open(options: ReplayOptions): Promise<ReplayVenue> {
    return new ReplayVenue(options, await probeCapture(options.file, options.tick, options.step));
  }

  private constructor(options: ReplayOptions, probe: Probe) {
    this.#options = options;
    this.#market = probe.market;
    this.#nowUs = probe.firstUs;
    this.#adapter = new BinanceAdapter(new Map([[probe.market.venueSymbol, probe.market]]));
    this.#recorded = new RecordedDepth(probe.market, options.report, (snapshot) => this.#depth.onSnapshot(snapshot));
    this.#depth = new DepthFeed(probe.market.rule, this.#recorded, (input) => this.#emit(input));
  }

  inputs(): Observable<UnstampedInput> {
    return new Observable((subscriber) => {
      const stop = new AbortController();
      this.#subscriber = subscriber;
      this.resync('replay begins');
      this.#play(stop.signal).catch((error: unknown) => {
        if (!stop.signal.aborted) subscriber.error(error);
      });
      return () => {
        stop.abort();
        this.#subscriber = undefined;
      };
    });
  }

  resync(reason: string): void {
    if (!this.#subscriber) return;
    this.#emit(symbolInput(this.#market, this.#nowUs));
    this.#emit(feedInput(this.#market.symbol, 'up', reason, this.#nowUs));
    this.#depth.up();
  }

  async #play(signal: AbortSignal): Promise<void> {
    const { file, speed, report } = this.#options;
    const pace = new ReplayPace(speed);
    let endedBy = 'end of file';
    try {
      for await (const batch of captureLines(file)) {
        for (const line of batch) {
          if (++this.#lines % LINES_PER_TURN === 0) await this.#room(signal);
          const parsed = parseCaptureLine(line);
          if (!parsed) this.#onMalformed('line', line, 'not "<receive time in ns> <raw JSON>"');
          else {
            const waitMs = pace.waitMs(parsed.tsRecvUs, performance.now());
            if (waitMs > 0) await sleep(waitMs, undefined, { signal });
            this.#onLine(parsed);
          }
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      endedBy = (error as Error).message;
      report.warn('the capture breaks off', { reason: endedBy });
    }
    report.info('the capture is over', {
      file,
      endedBy,
      lines: this.#lines,
      inputs: this.#inputs,
      malformed: this.#malformed,
    });
  }

  /** Waits while Redis takes it slower than the file gives it; what has been read stays within bounds. */
  async #room(signal: AbortSignal): Promise<void> {
    await nextTurn(undefined, { signal });
    while (this.#options.gauge.queuedInputs > QUEUED_INPUTS_MAX) await sleep(QUEUE_POLL_MS, undefined, { signal });
  }

  #onLine(line: CaptureLine): void {
    this.#tick(line.tsRecvUs);
    try {
      if (line.text.includes('"lastUpdateId"')) {
        this.#recorded.onRecorded(readDepthSnapshot(this.#market, line.text, line.tsRecvUs));
        return;
      }
      const decoded = this.#adapter.decode(line.text, line.tsRecvUs);
      if (decoded === undefined || decoded === 'server-shutdown') return;
      if (decoded.type === 'depth') {
        this.#recorded.onDiff(decoded);
        this.#depth.onDiff(decoded);
      } else this.#emit(decoded);
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      this.#onMalformed(error.kind, line.text, error.message);
    }
  }

  #tick(tsRecvUs: number): void {
    const second = Math.floor(tsRecvUs / SECOND_US);
    if (second > Math.floor(this.#nowUs / SECOND_US)) {
      this.#emit({ type: 'clock', second, tsRecvUs: second * SECOND_US });
    }
    this.#nowUs = Math.max(this.#nowUs, tsRecvUs);
  }

  #emit(input: UnstampedInput): void {
    this.#inputs++;
    this.#subscriber?.next(input);
  }

  #onMalformed(kind: string, sample: string, why: string): void {
    this.#malformed++;
    this.#options.report.malformed(kind, sample, why);
  }
}
