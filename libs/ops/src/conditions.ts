export interface Condition {
  readonly ok: boolean;
  readonly reason?: string;
}

/** Named conditions that must all hold. The last word on each name counts. */
class Conditions {
  readonly #conditions = new Map<string, Condition>();

  constructor(awaited: readonly string[] = []) {
    for (const name of awaited) this.set(name, false, 'not yet');
  }

  /** @param reason what an operator should read: why it does not hold, or in what way it does. */
  set(name: string, ok: boolean, reason?: string): void {
    this.#conditions.set(name, { ok, ...(reason === undefined ? {} : { reason }) });
  }

  get ok(): boolean {
    return this.failing.length === 0;
  }

  /** Names of those that do not hold. */
  get failing(): string[] {
    return [...this.#conditions].filter(([, condition]) => !condition.ok).map(([name]) => name);
  }

  all(): Record<string, Condition> {
    return Object.fromEntries(this.#conditions);
  }
}

/**
 * Whether to send clients here: GET /ready. It must fail only before the first catch-up and while draining, because
 * any answer but 200 ends a browser's EventSource for good.
 */
export class Readiness extends Conditions {}

/** Whether this process should be left running: GET /health. It fails when only a restart can help. */
export class Liveness extends Conditions {}
