import { DepthcastError, type Stream } from '@depthcast/protocol';

/** Whether a stream shows single orders, which only books of orders have. */
export function needsOrders({ type }: Stream): boolean {
  return type === 'MBO' || type === 'L3';
}

/** Why a symbol of price levels has no such stream, and which it has. */
export function noOrders(stream: Stream): DepthcastError {
  const { symbol, type } = stream;
  return new DepthcastError(
    'MBO_UNAVAILABLE',
    `${symbol} has price levels, no orders: ${type} is not available, ask for ${insteadOf(stream)}`,
  );
}

/** The stream of price levels that comes closest. */
export function insteadOf(stream: Stream): string {
  return 'levels' in stream ? `${stream.symbol}:MBP:${stream.levels}` : `${stream.symbol}:L2`;
}
