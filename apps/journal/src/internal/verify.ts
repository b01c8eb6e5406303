import { type Cursor, formatCursor } from '@depthcast/protocol';
import type { HistorySource } from '../history/history-source.ts';
import { PartitionProof } from './partition-proof.ts';

const PROGRESS_MS = 500;
const PAGE_ROWS = 10_000;
export const PROBLEMS_SHOWN_MAX = 20;

/** How far the walk is, through one partition after the other; one line of the answer. */
export interface VerifyProgress {
  readonly partition: number;
  /** Of all partitions so far. */
  readonly rows: number;
  /** Rows there were in all when it began. */
  readonly of: number;
  /** Within the partition. */
  readonly cursor: string;
}

/** What the walk found; the last line of the answer. */
export interface Verdict {
  readonly ok: boolean;
  readonly rows: number;
  readonly epochs: number;
  /** Recorded ones: entries that were gone before they could be stored. */
  readonly holes: number;
  /** Entries that retention has dropped from between others. */
  readonly dropped: number;
  /** Whole books whose checksums were computed again, and compared with the book rebuilt up to them. */
  readonly snapshots: number;
  /** Checksums in other events that the rebuilt books were compared with. */
  readonly checksums: number;
  readonly problem_count: number;
  /** The first ones. */
  readonly problems: readonly string[];
}

/**
 * Walks all that is stored, in pages: every entry follows the one before it, or what is missing is accounted for; each
 * epoch begins where the one before it ended; every book comes out as its events' checksums say.
 *
 * @returns lines of JSON: `{"progress": VerifyProgress}` … `{"verdict": Verdict}`.
 */
export async function* verify(history: HistorySource, signal: AbortSignal): AsyncGenerator<string> {
  const proofs = new Map<number, PartitionProof>();
  const partitions = await history.partitions();
  const of = partitions.reduce((sum, { events }) => sum + events, 0);
  for (const { partition, position, earliest, dropped } of partitions) {
    const [holes, epochs] = await Promise.all([history.holes(partition), history.epochs(partition)]);
    const proof = new PartitionProof({ holes, epochs, earliest, droppedItems: dropped.byItems });
    const before = sumOf(proofs, ({ rows }) => rows);
    proofs.set(partition, proof);
    let saidMs = Number.NEGATIVE_INFINITY;
    // No further than what is stored now, or a busy journal's verification would never end.
    const query = { partition, everyAccount: true, before: after(position.cursor) } as const;
    for await (const rows of history.events(query, PAGE_ROWS)) {
      signal.throwIfAborted();
      for (const row of rows) proof.add(row);
      const last = rows.at(-1);
      if (!last || performance.now() - saidMs < PROGRESS_MS) continue;
      saidMs = performance.now();
      yield line({ progress: { partition, rows: before + proof.rows, of, cursor: formatCursor(last) } });
    }
    proof.end(position.cursor);
  }
  yield line({ verdict: verdictOf(proofs) });
}

type Proofs = ReadonlyMap<number, PartitionProof>;

function sumOf(proofs: Proofs, count: (proof: PartitionProof) => number): number {
  return [...proofs.values()].reduce((total, proof) => total + count(proof), 0);
}

function verdictOf(proofs: Proofs): Verdict {
  const sum = (count: (proof: PartitionProof) => number) => sumOf(proofs, count);
  const named = ([partition, { problems }]: readonly [number, PartitionProof]) =>
    proofs.size === 1 ? problems : problems.map((problem) => `partition ${partition}: ${problem}`);
  const problemCount = sum(({ problemCount }) => problemCount);
  return {
    ok: problemCount === 0,
    rows: sum(({ rows }) => rows),
    epochs: sum(({ epochs }) => epochs),
    holes: sum(({ holes }) => holes),
    dropped: sum(({ dropped }) => dropped),
    snapshots: sum(({ snapshots }) => snapshots),
    checksums: sum(({ checksums }) => checksums),
    problem_count: problemCount,
    problems: [...proofs].flatMap(named).slice(0, PROBLEMS_SHOWN_MAX),
  };
}

function after(cursor: Cursor): Cursor {
  return { epoch: cursor.epoch, offset: cursor.offset + 1 };
}

function line(value: { readonly progress: VerifyProgress } | { readonly verdict: Verdict }): string {
  return `${JSON.stringify(value)}\n`;
}
