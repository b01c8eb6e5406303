import type { SeedResult } from './run-seed.ts';

/** What many runs have come to. */
export class Report {
  #seeds = 0;
  #events = 0;
  #inputs = 0;
  #repairs = 0;
  #epochs = 0;
  readonly #faults = new Map<string, number>();
  readonly #resets = new Map<string, number>();
  readonly #violations = { lost: 0, doubled: 0, reordered: 0, forked: 0, broken: 0 };

  add({ events, inputs, repairs, epochs, faults, resets, violations }: SeedResult): void {
    this.#seeds++;
    this.#events += events;
    this.#inputs += inputs;
    this.#repairs += repairs;
    this.#epochs += epochs;
    addAll(this.#faults, faults);
    addAll(this.#resets, resets);
    for (const { kind } of violations) this.#violations[kind]++;
  }

  get seeds(): number {
    return this.#seeds;
  }

  /** One line an idea. */
  lines(seconds: number): string[] {
    const { lost, doubled, reordered, forked, broken } = this.#violations;
    const faults = [...this.#faults.values()].reduce((sum, count) => sum + count, 0);
    return [
      `seeds run          ${this.#seeds} in ${seconds.toFixed(1)} s`,
      `faults injected    ${faults}: ${listed(this.#faults)}`,
      `inputs, events     ${this.#inputs}, ${this.#events}`,
      `epochs, repairs    ${this.#epochs}, ${this.#repairs}`,
      `readers told       ${listed(this.#resets) || 'nothing'}`,
      `events lost ${lost}, doubled ${doubled}, reordered ${reordered}, forked ${forked}; otherwise broken ${broken}`,
    ];
  }
}

function addAll(sums: Map<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) sums.set(name, (sums.get(name) ?? 0) + count);
}

function listed(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
