import type { StoredAccounts } from '@depthcast/log';

export interface AccountRenewalOptions {
  /** The accounts as last stored; waits out the absence of Redis. */
  readonly stored: () => Promise<StoredAccounts | undefined>;
  /** @returns whether they will do. */
  readonly onStored: (stored: StoredAccounts) => boolean;
}

const RETRY_MS_MIN = 20;
const RETRY_MS_MAX = 1_000;

/** Reads what is stored of the accounts, again and again, ever more rarely, until it will do. */
export class AccountRenewal {
  readonly #options: AccountRenewalOptions;
  #timer: NodeJS.Timeout | undefined;
  /** What was asked for in an earlier turn may be of before. */
  #turn = 0;

  constructor(options: AccountRenewalOptions) {
    this.#options = options;
  }

  /** From now on; what is being read already counts no more. */
  begin(): void {
    this.stop();
    void this.#try(this.#turn, RETRY_MS_MIN);
  }

  /** Safe to call again. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#turn++;
  }

  async #try(turn: number, retryMs: number): Promise<void> {
    const stored = await this.#options.stored().catch(() => undefined);
    if (turn !== this.#turn || (stored && this.#options.onStored(stored))) return;
    this.#timer = setTimeout(() => void this.#try(turn, Math.min(retryMs * 2, RETRY_MS_MAX)), retryMs);
    this.#timer.unref();
  }
}
