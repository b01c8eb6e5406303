import { ACCOUNT_PATTERN } from '@depthcast/protocol';
import { invalid, type Query, single } from '../transports/query.ts';

export const ACCOUNT_DEFAULT = 'default';

/**
 * The account that a request speaks for, on REST and on the streams alike: the one it names, or the single user's.
 * Everything that is private is decided by what this answers.
 *
 * @throws DepthcastError `PARAMETER_INVALID`
 */
export function accountOf(query: Query): string {
  const account = single(query, 'account') ?? ACCOUNT_DEFAULT;
  if (ACCOUNT_PATTERN.test(account)) return account;
  throw invalid('account', account, 'a letter or digit, then at most 31 letters, digits, - and _');
}
