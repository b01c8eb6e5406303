export * from './crc32.ts';
export * from './decimal-text.ts';
export * from './depth-sync.ts';
export * from './l2-book.ts';
export * from './ladder.ts';
export type { WireLevel } from './level-batch.ts';
export * from './mbp-view.ts';
export * from './shown.ts';
