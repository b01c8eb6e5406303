const DIGIT_0 = 48;
const DIGIT_9 = 57;

/** Finds every whole number that follows a marker in a byte stream, at the price of one indexOf each: no parsing. */
export class NumberScanner {
  readonly #marker: Buffer;
  readonly #onNumber: (value: number) => void;
  #carry: Buffer = Buffer.alloc(0);

  constructor(marker: string, onNumber: (value: number) => void) {
    this.#marker = Buffer.from(marker);
    this.#onNumber = onNumber;
  }

  /** @param chunk may be overwritten when this returns. */
  push(chunk: Buffer): void {
    const bytes = this.#carry.length > 0 ? Buffer.concat([this.#carry, chunk]) : chunk;
    const marker = this.#marker;
    let from = 0;
    for (;;) {
      const at = bytes.indexOf(marker, from);
      if (at < 0) break;
      let value = 0;
      let i = at + marker.length;
      for (; i < bytes.length; i++) {
        const c = bytes[i] as number;
        if (c < DIGIT_0 || c > DIGIT_9) break;
        value = value * 10 + (c - DIGIT_0);
      }
      if (i === bytes.length) {
        // The number may go on in the next chunk.
        this.#carry = Buffer.from(bytes.subarray(at));
        return;
      }
      this.#onNumber(value);
      from = i;
    }
    this.#carry = Buffer.from(bytes.subarray(Math.max(from, bytes.length - marker.length + 1)));
  }
}
