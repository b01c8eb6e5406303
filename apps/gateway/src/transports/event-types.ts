import { EVENT_TYPES } from '@depthcast/protocol';

/** The event types of the VeloZ seed: what `/api/stream` gives when nothing else is asked for. */
export const SEED_TYPES = ['market', 'order_update', 'fill', 'order_state', 'account', 'error'] as const;

/** Types that `types=` takes though no event schema names them yet: a client may subscribe before the first one. */
const RESERVED_TYPES = ['order_update', 'fill', 'order_state', 'account', 'position', 'book_order'];

/** Everything that `types=` takes besides `all`. */
export const SUBSCRIBABLE_TYPES: readonly string[] = [...new Set<string>([...EVENT_TYPES, ...RESERVED_TYPES])];
