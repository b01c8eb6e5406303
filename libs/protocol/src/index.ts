export * from './cursor.ts';
export * from './decimal.ts';
export * from './errors.ts';
export * from './events.ts';
export * from './inputs.ts';
export * from './resets.ts';
export * from './streams.ts';
export * from './symbols.ts';
