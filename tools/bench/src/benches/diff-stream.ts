import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { WireLevel } from '@depthcast/book';
import { CAPTURES } from '../places.ts';
import { SeededRandom } from '../seeded-random.ts';

export interface Diff {
  readonly bids: WireLevel[];
  readonly asks: WireLevel[];
}

/** A book and what changed it, prices and sizes as the venue's text. */
export interface DiffStream {
  readonly snapshot: Diff;
  readonly diffs: readonly Diff[];
  readonly tick: string;
  readonly step: string;
  /** Levels in all diffs. */
  readonly levels: number;
}

const CAPTURE = 'usdm_btcusdt_20240808.gz';
const GENERATED_DIFFS = 6_500;
const GENERATED_LEVELS = 1_000;

interface RawMessage {
  readonly lastUpdateId?: number;
  readonly bids?: WireLevel[];
  readonly asks?: WireLevel[];
  readonly data?: { u: number; b: WireLevel[]; a: WireLevel[] };
}

/** The recorded USD-M diffs from the snapshot on; `undefined` where the captures are not there. */
export function recordedDiffs(): DiffStream | undefined {
  const file = `${CAPTURES}/${CAPTURE}`;
  if (!existsSync(file)) return undefined;
  const messages = gunzipSync(readFileSync(file))
    .toString('latin1')
    .split('\n')
    .filter((line) => line.includes('@depth') || line.includes('lastUpdateId'))
    .map((line) => JSON.parse(line.slice(line.indexOf(' ') + 1)) as RawMessage);
  const rest = messages.find(({ lastUpdateId }) => lastUpdateId !== undefined);
  const { lastUpdateId, bids, asks } = rest as Required<RawMessage>;
  const diffs = messages
    .flatMap(({ data }) => (data && data.u >= lastUpdateId ? [data] : []))
    .map(({ b, a }) => ({ bids: b, asks: a }));
  return streamOf({ bids, asks }, diffs, '0.1', '0.001');
}

/** Diffs of the capture's shape: most changes near the touch, some far away, a third of them deletions. */
export function generatedDiffs(): DiffStream {
  const generator = new SeededRandom(42);
  const random = () => generator.unit();
  const middle = 618_000;
  const level = (sign: number, rank: number, size: number): WireLevel => [
    ((middle + sign * (1 + rank)) / 10).toFixed(2),
    (size / 1000).toFixed(3),
  ];
  const side = (sign: number): WireLevel[] =>
    Array.from({ length: GENERATED_LEVELS }, (_, rank) => level(sign, rank, 1 + Math.floor(random() * 5_000)));
  const changes = (sign: number): WireLevel[] =>
    Array.from({ length: 10 + Math.floor(random() * 40) }, () => Math.floor(random() ** 3 * GENERATED_LEVELS))
      .sort((a, b) => sign * (a - b))
      // The best level itself is never deleted, so that there is always a best bid and ask to compare.
      .map((rank) => level(sign, rank, rank > 0 && random() < 0.3 ? 0 : 1 + Math.floor(random() * 5_000)));
  const snapshot = { bids: side(-1), asks: side(1) };
  const diffs = Array.from({ length: GENERATED_DIFFS }, () => ({ bids: changes(-1), asks: changes(1) }));
  return streamOf(snapshot, diffs, '0.1', '0.001');
}

function streamOf(snapshot: Diff, diffs: Diff[], tick: string, step: string): DiffStream {
  return {
    snapshot,
    diffs,
    tick,
    step,
    levels: diffs.reduce((sum, { bids, asks }) => sum + bids.length + asks.length, 0),
  };
}
