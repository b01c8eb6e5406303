import { DepthSync, L2Book } from '@depthcast/book';
import type { SnapshotSource } from '../binance/depth-feed.ts';
import type { MarketSymbol } from '../binance/market-symbol.ts';
import type { DepthInput, DepthSnapshotInput, VenueReport } from '../venue.ts';

/**
 * What stands in for the REST API in a replay. The snapshot in the capture serves the first request; for later ones
 * (the log began anew, inputs were dropped) the book is kept as it goes. After a gap in the capture itself there is
 * no snapshot to be had: the book stays as it is until the capture brings one.
 */
export class RecordedDepth implements SnapshotSource {
  readonly #market: MarketSymbol;
  readonly #report: VenueReport;
  readonly #deliver: (snapshot: DepthSnapshotInput) => void;
  readonly #book: L2Book;
  readonly #sync: DepthSync<DepthInput>;
  #wanted = false;
  #snapshotsSeen = 0;
  #newest: DepthInput | undefined;

  constructor(market: MarketSymbol, report: VenueReport, deliver: (snapshot: DepthSnapshotInput) => void) {
    this.#market = market;
    this.#report = report;
    this.#deliver = deliver;
    this.#book = new L2Book(market.prices, market.sizes);
    this.#sync = new DepthSync(market.rule);
  }

  request(): void {
    this.#wanted = true;
    const kept = this.#keptSnapshot();
    if (kept) this.#serve(kept);
    else if (this.#snapshotsSeen > 0) {
      this.#report.warn(`${this.#market.symbol} needs a snapshot and the capture has none here: it stays as it is`);
    }
  }

  cancel(): void {
    this.#wanted = false;
  }

  /** To be called before the depth feed sees the diff. */
  onDiff(diff: DepthInput): void {
    this.#newest = diff;
    if (this.#sync.onDiff(diff).kind === 'apply') this.#book.apply(diff.bids, diff.asks);
  }

  /** A snapshot line of the capture. */
  onRecorded(snapshot: DepthSnapshotInput): void {
    this.#snapshotsSeen++;
    const verdict = this.#sync.onSnapshot(snapshot.last);
    if (verdict.kind === 'synced') {
      this.#book.replace(snapshot.bids, snapshot.asks);
      for (const diff of verdict.replay) this.#book.apply(diff.bids, diff.asks);
    }
    if (this.#wanted) this.#serve(snapshot);
  }

  #serve(snapshot: DepthSnapshotInput): void {
    this.#wanted = false;
    this.#report.snapshotFetched(this.#market.symbol);
    this.#deliver(snapshot);
  }

  #keptSnapshot(): DepthSnapshotInput | undefined {
    if (this.#sync.state !== 'synced' || !this.#newest) return undefined;
    return {
      type: 'depth_snapshot',
      symbol: this.#market.symbol,
      last: this.#sync.last,
      bids: this.#book.wireLevels('bid'),
      asks: this.#book.wireLevels('ask'),
      tsEventUs: this.#newest.tsEventUs,
      tsRecvUs: this.#newest.tsRecvUs,
    };
  }
}
