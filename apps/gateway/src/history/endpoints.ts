/** What the journal answers in public, and what GET /api says of it. All else of its paths is between it and gateways. */
export const HISTORY_ENDPOINTS = {
  symbols: 'Which symbols have a history, and of what',
  updates: "A symbol's best prices of the past",
  trades: "A symbol's trades of the past",
  candles: "A symbol's OHLCV bars",
  events: "The log's events as they were",
  book: "A symbol's order book as of a time or a cursor",
  latency: 'How long best prices took from the venue',
  stats: 'What is kept, since when, and what has been dropped',
  export: 'Any of these for a range, as a CSV or Parquet file',
} as const;

/** What can be somebody's own: the events, as a page or as a file. */
export const EVENTS = 'events' satisfies keyof typeof HISTORY_ENDPOINTS;
export const EXPORT = 'export' satisfies keyof typeof HISTORY_ENDPOINTS;

export const HISTORY_DOCUMENT = Object.entries(HISTORY_ENDPOINTS).map(([name, description]) => ({
  path: `/api/history/${name}`,
  method: 'GET',
  description,
}));
