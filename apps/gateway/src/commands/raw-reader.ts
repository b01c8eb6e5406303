import { stringEnd } from './raw-json.ts';

const QUOTE = 34;
const COMMA = 44;
const SPACE = 32;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

/**
 * Reads one JSON text from its beginning to its end, each character once, however deep what is wanted of it stands.
 * Made for the accounts that the engine stores, which may have some MB: to cut them into accounts, those into lists and
 * those into orders would read the same characters again at each level.
 *
 * Of a text that is no JSON the parts make no sense, but they come to an end.
 */
export class RawReader {
  readonly #json: string;
  #at = 0;

  constructor(json: string) {
    this.#json = json;
  }

  /** The names of the object that comes next. Take each value, by any method here, before the next name. */
  *members(): Generator<string, void> {
    for (const _ of this.items()) {
      const name = JSON.parse(this.text()) as string;
      this.#skipBlanks();
      this.#at++;
      yield name;
    }
  }

  /** Stops at each item of the list that comes next. Take it before the next one. */
  *items(): Generator<void, void> {
    this.#skipBlanks();
    this.#at++;
    for (;;) {
      this.#skipBlanks();
      if (this.#at >= this.#json.length) return;
      const c = this.#json.charCodeAt(this.#at);
      if (c === CLOSE_LIST || c === CLOSE_OBJECT) break;
      if (c === COMMA) this.#at++;
      else yield;
    }
    this.#at++;
  }

  /** The text of the value that comes next, as it stands there. */
  text(): string {
    this.#skipBlanks();
    const json = this.#json;
    const start = this.#at;
    let depth = 0;
    let at = start;
    for (; at < json.length; at++) {
      const c = json.charCodeAt(at);
      if (c === QUOTE) {
        at = stringEnd(json, at) - 1;
        if (depth === 0) break;
      } else if (c === OPEN_LIST || c === OPEN_OBJECT) depth++;
      else if (c === CLOSE_LIST || c === CLOSE_OBJECT) {
        if (--depth === 0) break;
        if (depth < 0) return this.#upTo(start, at);
      } else if (depth === 0 && (c === COMMA || c <= SPACE)) return this.#upTo(start, at);
    }
    return this.#upTo(start, at + 1);
  }

  #upTo(start: number, end: number): string {
    // Where there is no value something is left out all the same: whoever reads on must come to the end.
    this.#at = Math.max(end, start + 1);
    return this.#json.slice(start, end);
  }

  #skipBlanks(): void {
    while (this.#at < this.#json.length && this.#json.charCodeAt(this.#at) <= SPACE) this.#at++;
  }
}
