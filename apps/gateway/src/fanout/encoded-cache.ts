import type { Encoded } from './encoder.ts';

const ENTRY_BYTES_EXTRA = 512;

/** What several slow or resuming sessions are likely to want within the same moment. Oldest out, bounded by bytes. */
export class EncodedCache {
  readonly #bytesMax: number;
  readonly #entries = new Map<string, Encoded>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(key: string, encode: () => Encoded): Encoded {
    const known = this.#entries.get(key);
    if (known) return known;
    const made = encode();
    this.#entries.set(key, made);
    this.#bytes += sizeOf(made);
    for (const [oldest, value] of this.#entries) {
      if (this.#bytes <= this.#bytesMax || oldest === key) break;
      this.#entries.delete(oldest);
      this.#bytes -= sizeOf(value);
    }
    return made;
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }
}

function sizeOf(encoded: Encoded): number {
  return (encoded.bytes?.length ?? 0) + ENTRY_BYTES_EXTRA;
}
