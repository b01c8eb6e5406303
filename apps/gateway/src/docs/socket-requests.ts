import { z } from 'zod';
import { auth, interval, streams } from '../transports/socketio/messages.ts';
import { errorSchema } from './control-frames.ts';
import { type Json, jsonSchemaOf } from './schemas.ts';

/** What a client of Socket.IO is acknowledged with. */
const answers = {
  ready: z.object({ ok: z.boolean() }),
  request_initial_data: z.object({ ok: z.boolean() }),
  ping: z.object({ time: z.int() }),
  subscribe: z.object({
    ok: z.boolean(),
    streams: z.array(z.string()),
    resumed: z.boolean(),
    errors: z.array(errorSchema),
  }),
} as const;

const nothing = z.array(z.unknown()).max(0);
const wanted = z.tuple([streams, z.object({ interval: interval.optional() }).optional()]);

/** The arguments of what a client may send; `handshake` is the `auth` of its connection. */
const requests = {
  handshake: { summary: 'The auth of a connection: who it is, and where it left off', payload: auth },
  ready: { summary: 'From here on each change of every best price is sent', payload: nothing },
  request_initial_data: { summary: 'The newest best price of each symbol, once', payload: nothing },
  ping: { summary: 'Asks for the time', payload: nothing },
  subscribe: { summary: 'Streams to add: their definitions, and how often views may change', payload: wanted },
  unsubscribe: { summary: 'Streams to leave', payload: z.tuple([streams]) },
} as const;

type Request = keyof typeof requests;

const ANSWER_OF: Readonly<Partial<Record<Request, keyof typeof answers>>> = {
  ready: 'ready',
  request_initial_data: 'request_initial_data',
  ping: 'ping',
  subscribe: 'subscribe',
  unsubscribe: 'subscribe',
};

const names = Object.keys(requests) as Request[];

/** The messages that clients send, and those that acknowledge them. */
export function socketRequests(): Record<string, Json> {
  const asked = names.map((name) => {
    const { summary, payload } = requests[name];
    return [keyOf(name), { name, summary, payload: jsonSchemaOf(payload, 'draft-7') }];
  });
  const answered = Object.entries(answers).map(([name, schema]) => [
    answerKeyOf(name),
    { name: `${name} acknowledged`, summary: 'The acknowledgement', payload: jsonSchemaOf(schema, 'draft-7') },
  ]);
  return Object.fromEntries([...asked, ...answered]);
}

/** One operation for each thing that a client may say. */
export const SOCKET_OPERATIONS: Json = Object.fromEntries(
  names.map((name) => {
    const answer = ANSWER_OF[name];
    return [
      `receive_${name}`,
      {
        action: 'receive',
        channel: { $ref: '#/channels/socket' },
        messages: [{ $ref: `#/channels/socket/messages/${keyOf(name)}` }],
        ...(answer === undefined
          ? {}
          : {
              reply: {
                channel: { $ref: '#/channels/socket' },
                messages: [{ $ref: `#/channels/socket/messages/${answerKeyOf(answer)}` }],
              },
            }),
      },
    ];
  }),
);

function keyOf(name: string): string {
  return `client_${name}`;
}

function answerKeyOf(name: string): string {
  return `acknowledge_${name}`;
}
