const NONE = -1;

/**
 * Hysteresis: something unusual begins beyond a threshold and is over only after `calmSeconds` in a row below a lower
 * one, so that a value which flickers about the threshold is one episode.
 */
export class Episode {
  /** When the episode was last alive; NONE outside of one. */
  #aliveSecond: number;
  readonly #calmSeconds: number;

  constructor(calmSeconds: number, memory = NONE) {
    this.#calmSeconds = calmSeconds;
    this.#aliveSecond = memory;
  }

  memory(): number {
    return this.#aliveSecond;
  }

  /**
   * @param begins whether the value is beyond the threshold.
   * @param goesOn whether it is beyond the lower one.
   * @returns whether an episode begins here.
   */
  at(second: number, begins: boolean, goesOn: boolean): boolean {
    const within = this.#aliveSecond !== NONE && second - this.#aliveSecond < this.#calmSeconds;
    if (begins || (within && goesOn)) this.#aliveSecond = second;
    else if (!within) this.#aliveSecond = NONE;
    return begins && !within;
  }
}
