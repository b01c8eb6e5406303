/**
 * sfc32 (Chris Doty-Humphrey, PractRand): 128 bits of state, a few nanoseconds a number, the same numbers for the same
 * seed on every machine. Not for secrets.
 */
export class Prng {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed any text: the generator of `42:BTCUSD` is independent of that of `42:ETHUSD`. */
  constructor(seed: string) {
    this.#a = hash32(seed, 0x9e3779b9);
    this.#b = hash32(seed, 0x85ebca6b);
    this.#c = hash32(seed, 0xc2b2ae35);
    // The first numbers of close seeds resemble each other.
    for (let i = 0; i < 16; i++) this.uint32();
  }

  /** 0 … 2^32 - 1. */
  uint32(): number {
    const t = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t;
    return t >>> 0;
  }

  /** In [0, 1). */
  unit(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.unit() * (max - min + 1));
  }

  /** Mean 0, deviation about 1: the sum of four uniforms, which is cheap and has no tails to guard against. */
  bell(): number {
    return (this.unit() + this.unit() + this.unit() + this.unit() - 2) * 1.732;
  }

  /** Mean 1, most below it, and never above 23. */
  exponential(): number {
    return -Math.log(1 - this.unit());
  }
}

/** FNV-1a with a final avalanche. */
export function hash32(text: string, basis: number): number {
  let hash = basis;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
