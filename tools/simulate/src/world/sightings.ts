/** An id that two readers saw with different contents, or one reader at different times. */
export interface Fork {
  readonly id: string;
  readonly first: string;
  readonly later: string;
  readonly who: string;
}

/** Everything that any reader of the log has ever been shown. */
export class Sightings {
  readonly entries = new Map<string, string>();
  readonly forks: Fork[] = [];
  /** Ids in the order in which each reader saw them; `reset` where it was told to begin anew. */
  readonly paths = new Map<string, string[]>();
  readonly resets: Record<string, number> = {};

  see(who: string, id: string, entry: string): void {
    const first = this.entries.get(id);
    if (first === undefined) this.entries.set(id, entry);
    else if (first !== entry) this.forks.push({ id, first, later: entry, who });
    this.#path(who).push(id);
  }

  reset(who: string, reason: string): void {
    this.resets[reason] = (this.resets[reason] ?? 0) + 1;
    this.#path(who).push('reset');
  }

  #path(who: string): string[] {
    const path = this.paths.get(who) ?? [];
    this.paths.set(who, path);
    return path;
  }
}
