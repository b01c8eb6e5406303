import { ERRORS, type ErrorCode, resetReasons } from '@depthcast/protocol';
import { z } from 'zod';

/** The names of errors that reach a client; the others end processes. */
export const CLIENT_ERRORS = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => 'status' in ERRORS[code]);

const time = z.iso.datetime();
const cursor = z.string();
const side = z.enum(['Bid', 'Ask']);

const levelOfSizes = z.object({
  price: z.number(),
  quantity: z.number(),
  /** Null in a book of price levels, as the age is. */
  order_count: z.int().nullable(),
  side,
  total_quantity: z.number(),
  avg_age_ms: z.int().nullable(),
});
const levelOfOrders = z.object({
  order_id: z.string(),
  price: z.number(),
  quantity: z.number(),
  side,
  timestamp: time,
  age_ms: z.int(),
});

/** Every refusal: as the body of an answer, as the last event of a stream, as an `error` event of Socket.IO. */
export const errorSchema = z.object({
  event: z.literal('error'),
  code: z.int(),
  error: z.enum(CLIENT_ERRORS).optional(),
  message: z.string(),
  client_order_id: z.string().optional(),
  stream_id: z.string().optional(),
});

/** What a gateway says besides the log's own events (market-depth seed); no `id:` stands before these. */
export const controlSchemas = {
  connection_info: z.object({
    event: z.literal('connection_info'),
    client_id: z.uuid(),
    server_time: time,
    supported_symbols: z.array(z.string()),
    replay: z
      .object({
        from: z.string(),
        speed: z.union([z.number(), z.literal('max')]),
        position: cursor,
      })
      .optional(),
  }),
  market_data: z.object({
    event: z.literal('market_data'),
    stream_id: z.string(),
    symbol: z.string(),
    data: z.union([
      z.object({ format: z.literal('MBP'), bids: z.array(levelOfSizes), asks: z.array(levelOfSizes) }),
      z.object({ format: z.literal('MBO'), bids: z.array(levelOfOrders), asks: z.array(levelOfOrders) }),
    ]),
    sequence: z.int(),
    timestamp: time,
    stale: z.literal(true).optional(),
  }),
  heartbeat: z.object({ event: z.literal('heartbeat'), timestamp: time }),
  reset: z.object({
    reason: z.enum(resetReasons),
    requested: z.string(),
    earliest: cursor.nullable(),
    tail: cursor.nullable(),
  }),
  replay: z.object({
    event: z.literal('replay'),
    position: cursor,
    at: time.nullable(),
    tail: cursor.nullable(),
    live: z.boolean(),
  }),
} as const;

export type ControlEvent = keyof typeof controlSchemas;

/** What only Socket.IO has. */
export const socketSchemas = {
  welcome: z.object({ message: z.literal('Welcome to BBO Stream') }),
  pong: z.object({ time: z.int() }),
  cursor: z.object({ cursor }),
  drain: z.object({ retry_ms: z.int() }),
} as const;

export type SocketEvent = keyof typeof socketSchemas;
