/** What Nest injects the journal's `JournalStore` by, which `openStore` has opened. */
export const STORE = Symbol('JournalStore');
