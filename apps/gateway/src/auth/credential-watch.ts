import type { DepthcastError } from '@depthcast/protocol';
import type { Credential, Identity, SessionGuard } from './identity.ts';
import { answerOf, revoked } from './token-authenticator.ts';
import { expired } from './token-verifier.ts';

export interface CredentialWatchOptions {
  /** @throws whatever Redis throws. */
  readonly isRevoked: (jti: string) => Promise<boolean>;
  readonly nowMs: () => number;
}

interface Watched {
  readonly credential: Credential;
  readonly onEnd: (error: DepthcastError) => void;
  /** The second of {@link CredentialWatch.tick} that ends it. */
  readonly second: number;
}

const CHECKS_AT_ONCE = 500;
/** However a notice was lost, what it said is found within this time. */
const RECHECK_TICKS = 10;

/**
 * Everything open that came with a token, by the second in which that expires and by the name it is revoked by. One
 * tick a second serves them all. A notice of a revocation may be lost, and one may come between a token's check and its
 * session's opening: so each `jti` is asked about once after it has come, and all of them again from time to time.
 */
export class CredentialWatch implements SessionGuard {
  readonly #options: CredentialWatchOptions;
  readonly #bySecond = new Map<number, Set<Watched>>();
  readonly #byJti = new Map<string, Set<Watched>>();
  /** To be asked about at the next tick. */
  readonly #due = new Set<string>();
  #lastSecond: number;
  #ticks = 0;
  #isChecking = false;

  constructor(options: CredentialWatchOptions) {
    this.#options = options;
    this.#lastSecond = Math.floor(options.nowMs() / 1_000);
  }

  /** Sessions that came with a token. */
  get size(): number {
    let size = 0;
    for (const watched of this.#bySecond.values()) size += watched.size;
    return size;
  }

  watch(identity: Identity, onEnd: (error: DepthcastError) => void): () => void {
    if (identity.kind !== 'account') return () => {};
    const { credential } = identity;
    const second = Math.max(Math.ceil(credential.expiresMs / 1_000), this.#lastSecond + 1);
    const watched: Watched = { credential, onEnd, second };
    put(this.#bySecond, second, watched);
    const { jti } = credential;
    if (jti !== undefined) {
      put(this.#byJti, jti, watched);
      this.#due.add(jti);
    }
    return () => this.#forget(watched);
  }

  /** A notice, or an answer of Redis, that a token has been revoked. */
  revoke(jti: string): void {
    const error = revoked();
    for (const watched of [...(this.#byJti.get(jti) ?? [])]) this.#end(watched, error);
  }

  /** Notices may have been missed: everything open is asked about. */
  recheck(): void {
    for (const jti of this.#byJti.keys()) this.#due.add(jti);
  }

  /** Call it once a second. */
  async tick(): Promise<void> {
    this.#expire();
    if (++this.#ticks % RECHECK_TICKS === 0) this.recheck();
    await this.checkDue();
  }

  /** Asks about what is due, some at a time; what Redis does not answer stays due. Never rejects. */
  async checkDue(): Promise<void> {
    if (this.#isChecking) return;
    this.#isChecking = true;
    const due = [...this.#due];
    let isAnswered = true;
    for (let i = 0; i < due.length && isAnswered; i += CHECKS_AT_ONCE) {
      const answers = await Promise.all(due.slice(i, i + CHECKS_AT_ONCE).map((jti) => this.#check(jti)));
      isAnswered = answers.every(Boolean);
    }
    this.#isChecking = false;
  }

  /** Whether Redis has answered. */
  async #check(jti: string): Promise<boolean> {
    // Before it is asked: who comes meanwhile has to be asked about again.
    this.#due.delete(jti);
    try {
      if (await answerOf(this.#options.isRevoked(jti))) this.revoke(jti);
      return true;
    } catch {
      if (this.#byJti.has(jti)) this.#due.add(jti);
      return false;
    }
  }

  #expire(): void {
    const second = Math.floor(this.#options.nowMs() / 1_000);
    while (this.#lastSecond < second) {
      const over = this.#bySecond.get(++this.#lastSecond);
      if (!over) continue;
      const error = expired();
      for (const watched of [...over]) this.#end(watched, error);
    }
  }

  #end(watched: Watched, error: DepthcastError): void {
    this.#forget(watched);
    watched.onEnd(error);
  }

  #forget(watched: Watched): void {
    const { second, credential } = watched;
    take(this.#bySecond, second, watched);
    if (credential.jti === undefined) return;
    take(this.#byJti, credential.jti, watched);
    if (!this.#byJti.has(credential.jti)) this.#due.delete(credential.jti);
  }
}

function put<K>(sets: Map<K, Set<Watched>>, key: K, watched: Watched): void {
  const set = sets.get(key);
  if (set) set.add(watched);
  else sets.set(key, new Set([watched]));
}

function take<K>(sets: Map<K, Set<Watched>>, key: K, watched: Watched): void {
  const set = sets.get(key);
  if (set?.delete(watched) && set.size === 0) sets.delete(key);
}
