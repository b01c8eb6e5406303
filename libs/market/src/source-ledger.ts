/** Above this many sources the one that has been silent longest is forgotten. Each is a process start. */
export const SOURCES_MAX = 4_096;
/** A source that has sent nothing for an hour is forgotten: its producer has ended. */
export const SOURCE_IDLE_US_MAX = 3_600_000_000;
/**
 * How much one clock input may age the sources, in microseconds. Event time jumps when Redis was away or when a
 * capture of another year begins; producers that are waiting to send again must not be forgotten by that.
 */
export const SOURCE_AGEING_STEP_US_MAX = 60_000_000;

/**
 * A source that has sent nothing while so many seconds were counted is silent: every producer sends a clock a second.
 * Counted, and not reckoned from event time, which may jump.
 */
export const SOURCE_SILENT_CLOCKS = 5;

export type SourceMemory = readonly [src: string, seq: number, seenUs: number, seenClock?: number];

interface Source {
  seq: number;
  seenUs: number;
  seenClock: number;
}

/**
 * Which inputs have been seen, so that a producer may send again after any doubt: of every source the highest
 * sequence number.
 */
export class SourceLedger {
  readonly #sources = new Map<string, Source>();
  /** Event time without its jumps. */
  #ageUs = 0;
  /** Clock inputs that have moved event time. */
  #clocks = 0;

  static restore(ageUs: number, sources: readonly SourceMemory[], clocks = 0): SourceLedger {
    const ledger = new SourceLedger();
    ledger.#ageUs = ageUs;
    ledger.#clocks = clocks;
    for (const [src, seq, seenUs, seenClock = clocks] of sources) ledger.#sources.set(src, { seq, seenUs, seenClock });
    return ledger;
  }

  get ageUs(): number {
    return this.#ageUs;
  }

  get clocks(): number {
    return this.#clocks;
  }

  memory(): SourceMemory[] {
    return Array.from(this.#sources, ([src, { seq, seenUs, seenClock }]) => [src, seq, seenUs, seenClock]);
  }

  /** Whether the input is new; it counts as seen from now on. */
  accept(src: string, seq: number): boolean {
    const source = this.#sources.get(src);
    if (source === undefined) {
      if (this.#sources.size >= SOURCES_MAX) this.#forgetLongestSilent();
      this.#sources.set(src, { seq, seenUs: this.#ageUs, seenClock: this.#clocks });
      return true;
    }
    source.seenUs = this.#ageUs;
    source.seenClock = this.#clocks;
    if (seq <= source.seq) return false;
    source.seq = seq;
    return true;
  }

  /** Whether it has ended without a word, as far as can be told. */
  isSilent(src: string): boolean {
    const source = this.#sources.get(src);
    return source === undefined || this.#clocks - source.seenClock > SOURCE_SILENT_CLOCKS;
  }

  /** Event time moved on by so much. */
  advance(us: number): void {
    this.#clocks++;
    this.#ageUs += Math.min(us, SOURCE_AGEING_STEP_US_MAX);
    for (const [src, source] of this.#sources) {
      if (this.#ageUs - source.seenUs >= SOURCE_IDLE_US_MAX) this.#sources.delete(src);
    }
  }

  #forgetLongestSilent(): void {
    let longest: string | undefined;
    let seenUs = Number.POSITIVE_INFINITY;
    for (const [src, source] of this.#sources) {
      if (source.seenUs < seenUs) {
        longest = src;
        seenUs = source.seenUs;
      }
    }
    if (longest !== undefined) this.#sources.delete(longest);
  }
}
