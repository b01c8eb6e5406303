import { type FeedInput, REASON_CHARS_MAX } from './venue.ts';

/**
 * A `feed` input; the venue says nothing of the time of its own silence, so both times are when we noticed.
 *
 * @param retries of a venue that stays away: how many in a row have been in vain.
 */
export function feedInput(
  symbol: string,
  status: 'up' | 'down',
  reason: string,
  timeUs: number,
  retries?: number,
): FeedInput {
  return {
    type: 'feed',
    symbol,
    status,
    reason: reason.slice(0, REASON_CHARS_MAX),
    tsEventUs: timeUs,
    tsRecvUs: timeUs,
    ...(retries === undefined ? {} : { retries }),
  };
}
