import type { Sink } from '../fanout/session.ts';

/** Of writes before the last one, so much may wait without the client being slow. */
const LATE_BYTES_MAX = 64 << 10;

/** A TLS socket, or a stream of HTTP/2. */
type LateStream = Pick<Sink, 'write' | 'writableLength'> & {
  readonly destroyed: boolean;
  destroy(): unknown;
};

/**
 * A connection that takes what is written a turn or two later, however fast its client reads, because it has to be
 * encrypted and put into frames first. What of the last write is still there says nothing of the client, therefore; a
 * client is slow when it has not taken the writes before it. So it is held {@link LATE_BYTES_MAX} and one write at most.
 */
export class LateSink implements Sink {
  readonly keepsBytes = true;
  readonly #stream: LateStream;
  #lastBytes = 0;

  constructor(stream: LateStream) {
    this.#stream = stream;
  }

  get writableLength(): number {
    return lateBytes(this.#stream.writableLength, this.#lastBytes);
  }

  get destroyed(): boolean {
    return this.#stream.destroyed;
  }

  write(bytes: Uint8Array, written?: (error?: Error | null) => void): boolean {
    // Whoever waits for all to be taken writes nothing, and asks about what was there before.
    if (bytes.length > 0) this.#lastBytes = bytes.length;
    return this.#stream.write(bytes, written);
  }

  destroy(): void {
    this.#stream.destroy();
  }
}

/** What waits because of its client alone. */
export function lateBytes(waitingBytes: number, lastBytes: number): number {
  const older = waitingBytes - lastBytes;
  return older > LATE_BYTES_MAX ? older : 0;
}
