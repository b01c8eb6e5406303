import type { Prng } from './prng.ts';
import type { SymbolProfile } from './symbol-profile.ts';

/** How strongly the price is pulled back to where it started, per update. */
const REVERSION = 0.000_2;
/** The price stays within this share of where it started. */
export const RANGE = 0.2;
/** How often a burst of activity begins, per update. */
const BURST_SHARE = 0.003;
const BURST_UPDATES_MAX = 40;
/** How much further the price moves while one lasts. */
const BURST_MOVES = 2;

/** What a simulated symbol is worth: a price that wanders and comes back, with bursts in which it hurries. */
export class FairPrice {
  readonly #profile: SymbolProfile;
  readonly #random: Prng;
  #ticks: number;
  #burstUpdates = 0;

  constructor(profile: SymbolProfile, random: Prng) {
    this.#profile = profile;
    this.#random = random;
    this.#ticks = profile.startTicks;
  }

  /** Not a whole number. */
  get ticks(): number {
    return this.#ticks;
  }

  get isBursting(): boolean {
    return this.#burstUpdates > 0;
  }

  /** One update passes. */
  move(): void {
    const { startTicks, moveTicks } = this.#profile;
    const random = this.#random;
    if (this.#burstUpdates > 0) this.#burstUpdates--;
    else if (random.unit() < BURST_SHARE) this.#burstUpdates = random.integer(1, BURST_UPDATES_MAX);
    const deviation = moveTicks * (this.isBursting ? BURST_MOVES : 1);
    const moved = this.#ticks + (startTicks - this.#ticks) * REVERSION + deviation * random.bell();
    this.#ticks = Math.min(startTicks * (1 + RANGE), Math.max(startTicks * (1 - RANGE), moved));
  }
}
