import { isIPv6 } from 'node:net';

/** IPv4 within IPv6, as a socket that takes both shows it. */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
/** A network of 64 bits is what one household has: groups of 16 bits that count. */
const GROUPS_COUNTED = 4;
const GROUPS = 8;

/** How many sessions each address has open, over all transports. */
export class AddressLimit {
  readonly #sessionsMax: number;
  readonly #sessions = new Map<string, number>();

  constructor(sessionsMax: number) {
    this.#sessionsMax = sessionsMax;
  }

  get sessionsMax(): number {
    return this.#sessionsMax;
  }

  isFull(address: string): boolean {
    return (this.#sessions.get(keyOf(address)) ?? 0) >= this.#sessionsMax;
  }

  /** Counts a session; `leave` counts it out again, and is safe to call twice. */
  enter(address: string): () => void {
    const key = keyOf(address);
    this.#sessions.set(key, (this.#sessions.get(key) ?? 0) + 1);
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      const left = (this.#sessions.get(key) ?? 1) - 1;
      if (left > 0) this.#sessions.set(key, left);
      else this.#sessions.delete(key);
    };
  }
}

/** What an address is counted under. */
function keyOf(address: string): string {
  const mapped = MAPPED.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = (address.split('%')[0] as string).toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  // What :: leaves out.
  while (tail !== undefined && groups.length + rest.length < GROUPS) groups.push('0');
  return [...groups, ...rest]
    .slice(0, GROUPS_COUNTED)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
