export interface ErrorRow {
  readonly status?: number;
  readonly exit?: number;
  readonly meaning: string;
  readonly remedy: string;
}

/**
 * Every error that Depthcast names: on the wire, in logs and at exit. docs/ERRORS.md is tested against this table.
 *
 * `status` is the HTTP status where the error reaches a client; `exit` the process's exit code where it ends an app.
 */
export const ERRORS = {
  CONFIG_INVALID: {
    exit: 2,
    meaning: 'A setting has a value the app does not take.',
    remedy: 'Change the named variable or option to one of the values the message lists.',
  },
  CLUSTER_MISMATCH: {
    exit: 2,
    meaning: 'This Redis was set up with another partition count or format version.',
    remedy: 'Use the same settings everywhere, or another Redis, or start with an empty one.',
  },
  REDIS_UNSAFE: {
    exit: 2,
    meaning: 'Redis may evict keys (maxmemory-policy is not noeviction).',
    remedy: 'Set maxmemory-policy to noeviction.',
  },
  PORT_IN_USE: { exit: 2, meaning: 'Another process listens on the port.', remedy: 'Stop it, or choose another port.' },
  REDIS_NOT_FOUND: {
    exit: 2,
    meaning: 'No Redis could be found or made.',
    remedy: 'Do one of the four things the message lists.',
  },
  STATE_IN_USE: {
    exit: 2,
    meaning: 'Another Depthcast runs on this state folder, or on this Redis.',
    remedy: 'Stop it, or use another Redis (REDIS_URL). To add gateways, start them by themselves.',
  },
  FENCED: {
    exit: 3,
    meaning: 'Another engine has taken over this partition, or Redis no longer holds what this one wrote.',
    remedy: 'None needed: the supervisor restarts the engine, which recovers from the log.',
  },
  RECOVERY_MISMATCH: {
    exit: 4,
    meaning: 'Replaying the inbox gave other events than the log holds. Nothing was appended.',
    remedy: 'Do not delete anything. Run the version that wrote the log, and report the message.',
  },
  INBOX_TRIMMED: {
    exit: 3,
    meaning: "Inputs after the engine's cursor were trimmed before it read them.",
    remedy: 'None needed: the engine restarts from the newest snapshot.',
  },
  SNAPSHOT_REFUSED: {
    meaning: 'A snapshot was older than the one stored, or beyond the log.',
    remedy: 'None needed: the stored snapshot stays.',
  },
  LOG_GAP: {
    meaning: 'An entry does not follow the one before it.',
    remedy: 'None needed: the reader resolves its cursor again and resumes or resets.',
  },
  INPUT_INVALID: {
    meaning:
      'An input in the inbox is not one the engine understands. It is counted, reported as an error event, and skipped.',
    remedy: 'Mend the producer that the message names.',
  },
  VENUE_MESSAGE_INVALID: {
    meaning:
      'A venue sent a message that is malformed. It is counted and skipped; the book resyncs if it was part of its sequence.',
    remedy: 'None needed unless it repeats: then the venue has changed its format.',
  },
  JOURNAL_STORE_UNUSABLE: {
    exit: 2,
    meaning:
      "The journal's database is held by another process, damaged, of another version, or was recorded with another number of partitions. It was left untouched.",
    remedy: 'Do what the message says: stop the other process, restore the file, or name another one.',
  },
  JOURNAL_DIVERGED: {
    exit: 4,
    meaning: 'The log holds other bytes under an id that the journal has stored already. Nothing was stored.',
    remedy:
      'Do not delete anything. One database belongs to one Redis: look whether REDIS_URL or the database is wrong.',
  },
  HISTORY_UNAVAILABLE: {
    status: 503,
    meaning: 'The journal, or its database, does not answer; or none belongs to this gateway.',
    remedy: 'Come back after the time that Retry-After names; set JOURNAL_HTTP_URL where there is none.',
  },
  HISTORY_MISSING: {
    status: 404,
    meaning: 'The moment or the range that was asked for is older than what is kept, or was never recorded.',
    remedy: 'GET /api/history/stats says what is kept.',
  },
  DECIMAL_INVALID: {
    status: 400,
    meaning: 'A number is not written as a plain decimal.',
    remedy: 'Write digits with at most one point: no sign, exponent, space or separator.',
  },
  DECIMAL_OFF_STEP: {
    status: 400,
    meaning: 'A price is not a multiple of the tick, or a size not one of the step.',
    remedy: 'Use a multiple of the step the message names.',
  },
  DECIMAL_OUT_OF_RANGE: {
    status: 400,
    meaning: 'A price or size is too large to be held exactly.',
    remedy: 'Use a smaller value.',
  },
  CURSOR_INVALID: {
    status: 400,
    meaning: 'A cursor is malformed.',
    remedy: 'Send back an id exactly as it was received.',
  },
  STREAM_INVALID: {
    status: 400,
    meaning: 'A stream definition is malformed, or its type or level count is not one that exists.',
    remedy: 'Write SYMBOL:TYPE:LEVELS, for example BTCUSD:MBP:10.',
  },
  SYMBOL_UNKNOWN: {
    status: 400,
    meaning: 'No venue publishes this symbol here.',
    remedy: 'Choose one of GET /symbols.',
  },
  MBO_UNAVAILABLE: {
    status: 400,
    meaning: "The symbol's venue publishes price levels, not orders.",
    remedy: 'Ask for MBP, or for L2 where L3 was asked for.',
  },
  ORDER_INVALID: {
    status: 400,
    meaning: 'A field of an order has a value it does not take, or is one that orders do not have.',
    remedy: 'Use one of the values the message lists.',
  },
  BODY_TOO_LARGE: {
    status: 413,
    meaning: "A request's body is longer than any that means something here.",
    remedy: 'Send one thing at a time; GET /api names the limit.',
  },
  BODY_TYPE_UNKNOWN: {
    status: 415,
    meaning: "A request's body is of a content type that is not read here.",
    remedy: 'Send JSON, and the header Content-Type: application/json.',
  },
  ORIGIN_FORBIDDEN: {
    status: 403,
    meaning: 'A page of an origin that may not place orders tried to place or cancel one.',
    remedy: 'Name the origin in CORS_ORIGIN of the gateways, if its pages may.',
  },
  TOKEN_MISSING: {
    status: 401,
    meaning: 'What was asked for belongs to somebody, and no token came with the request.',
    remedy:
      'Send the header Authorization: Bearer <token>; where none can be sent, a ticket of POST /api/stream/ticket.',
  },
  TOKEN_INVALID: {
    status: 401,
    meaning: 'A token is malformed, is not signed by a key that is trusted here, or is meant for somebody else.',
    remedy: 'Get a new token from whoever issues them; the message says what is wrong with this one.',
  },
  TOKEN_EXPIRED: {
    status: 401,
    meaning: 'The time of a token is over. A stream that was opened with it ends then.',
    remedy: 'Get a new token, and resume with the last id.',
  },
  TOKEN_REVOKED: {
    status: 401,
    meaning: 'A token has been revoked before its time was over.',
    remedy: 'Get a new token from whoever issues them, if they still give you one.',
  },
  TICKET_INVALID: {
    status: 401,
    meaning: 'A ticket was used before, is older than 30 s, or never was one.',
    remedy: 'POST /api/stream/ticket gives another; open the stream anew with it, and with last_id.',
  },
  FORBIDDEN: {
    status: 403,
    meaning: "The token is good, but what was asked for is another account's, or its subject can have no account here.",
    remedy: 'Leave out the account parameter, or use a token of that account.',
  },
  AUTH_UNAVAILABLE: {
    status: 503,
    meaning: 'Whether a token or a ticket is good cannot be found out at the moment: Redis or the key server is away.',
    remedy: 'Come back after the time that retry: or Retry-After names.',
  },
  TOO_MANY_CONNECTIONS: {
    status: 429,
    meaning: 'One address has as many streams open as it may have (SESSIONS_PER_IP_MAX).',
    remedy: 'Close some, or put several subscriptions into one stream. Behind a proxy, set TRUST_PROXY.',
  },
  SESSION_TOO_SLOW: {
    status: 503,
    meaning: 'A client fell back by more events of the log than it may (SESSION_LAG_MAX) because it did not take them.',
    remedy: 'Resume with the last id: nothing is lost. Ask for fewer streams, or read faster.',
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    meaning: 'The path and the headers of a request have more than 16 KiB.',
    remedy: 'Send fewer or shorter ones.',
  },
  REQUEST_MALFORMED: {
    status: 400,
    meaning: 'What came is not HTTP.',
    remedy: 'Send a request as RFC 9112 says.',
  },
  EVENT_UNKNOWN: {
    status: 400,
    meaning: 'A Socket.IO client sent an event that means nothing here.',
    remedy: 'Send one of those that the message lists.',
  },
  EVENT_RATE_EXCEEDED: {
    status: 429,
    meaning: 'A Socket.IO client sends more events a second than it may; one that goes on is disconnected.',
    remedy: 'Put several streams into one subscribe, and send less often.',
  },
  ORDER_UNKNOWN: {
    status: 404,
    meaning: 'The account has no open order of this client_order_id.',
    remedy: 'GET /api/orders lists those it has.',
  },
  ACK_TIMEOUT: {
    status: 504,
    meaning: 'The order is in the inbox, but no engine has answered it yet.',
    remedy: 'Watch its order_update on /api/stream, or send it again with the same client_order_id.',
  },
  PARAMETER_INVALID: {
    status: 400,
    meaning: 'A query parameter has a value it does not take.',
    remedy: 'Use one of the values the message lists.',
  },
  OVERLOADED: {
    status: 503,
    meaning: 'The service is at one of its limits.',
    remedy: 'Come back after the time that retry: or Retry-After names.',
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** An error with a code of {@link ERRORS} and a message that names what came and what is allowed. */
export class DepthcastError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DepthcastError';
    this.code = code;
  }

  /** The HTTP status for a client, 500 where the error was never meant to reach one. */
  get status(): number {
    return (ERRORS[this.code] as ErrorRow).status ?? 500;
  }

  /** The process's exit code when this error ends an app. */
  get exit(): number {
    return (ERRORS[this.code] as ErrorRow).exit ?? 1;
  }
}

/** A refusal as every app answers it over HTTP: the market-depth seed's `error`, and the error's name. */
export interface ErrorAnswer {
  readonly event: 'error';
  /** The HTTP status. */
  readonly code: number;
  readonly error: ErrorCode;
  readonly message: string;
}

export function toErrorAnswer({ status, code, message }: DepthcastError): ErrorAnswer {
  return { event: 'error', code: status, error: code, message };
}
