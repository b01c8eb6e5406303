import { DepthcastError, normalizeSymbol, quote } from '@depthcast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import { HISTORY, type HistorySource } from './history-source.ts';

const SHOWN_MAX = 20;

/** The symbols that the history has ever held. They are asked for again only when one is not among them. */
@Injectable()
export class KnownSymbols {
  readonly #history: HistorySource;
  #known: ReadonlySet<string> = new Set();

  constructor(@Inject(HISTORY) history: HistorySource) {
    this.#history = history;
  }

  /**
   * @returns the symbol in its one spelling.
   * @throws DepthcastError `SYMBOL_UNKNOWN`
   */
  async check(text: string): Promise<string> {
    const symbol = normalizeSymbol(text);
    if (!this.#known.has(symbol)) {
      this.#known = new Set([...this.#known, ...(await this.#history.symbols()).map((summary) => summary.symbol)]);
    }
    if (this.#known.has(symbol)) return symbol;
    const known = [...this.#known].sort();
    const shown = `${known.slice(0, SHOWN_MAX).join(', ')}${known.length > SHOWN_MAX ? ', …' : ''}`;
    throw new DepthcastError(
      'SYMBOL_UNKNOWN',
      `symbol ${quote(text)} is not in the history: it has ${shown || 'none'}`,
    );
  }
}
