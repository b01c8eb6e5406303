import { EVENT_TYPES } from '@depthcast/protocol';

/** The event types of the VeloZ seed: what `/api/stream` gives when nothing else is asked for. */
export const SEED_TYPES = ['market', 'order_update', 'fill', 'order_state', 'account', 'error'] as const;

/** Everything that `types=` takes besides `all`. */
export const SUBSCRIBABLE_TYPES: readonly string[] = EVENT_TYPES;
