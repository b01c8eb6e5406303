/** What Nest injects the journal's settings, logger and Redis by. */
export const CONFIG = Symbol('config');
export const LOGGER = Symbol('logger');
export const REDIS = Symbol('redis');
/** What Nest injects the number of partitions by. */
export const PARTITIONS = Symbol('partitions');
/** The condition of readiness that the database is open. */
export const READY_WHEN_STORED = 'database';
