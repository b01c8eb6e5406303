import { crc32 } from 'node:zlib';

/** What happened, in order: as a sum over all of it, and line by line for whoever looks. */
export class Trace {
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #beganMs = Date.now();
  #sum = 0;

  constructor(onLine?: (line: string) => void) {
    this.#onLine = onLine;
  }

  add(line: string): void {
    const at = ((Date.now() - this.#beganMs) / 1_000).toFixed(3).padStart(7);
    this.#sum = crc32(`${at} ${line}\n`, this.#sum);
    this.#onLine?.(`${at} ${line}`);
  }

  /** Counted in, and not shown. */
  note(id: string, fields: readonly string[]): void {
    this.#sum = crc32(`${id} ${fields.join(' ')}\n`, this.#sum);
  }

  get hash(): string {
    return this.#sum.toString(16).padStart(8, '0');
  }
}
