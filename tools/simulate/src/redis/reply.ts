/** What Redis answers: as ioredis hands it on, but with text where Redis has bytes. */
export type Reply = string | number | null | readonly Reply[];

/** An error that Redis itself answered with, named as ioredis names it. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError';
}

export const wrongType = () => new ReplyError('WRONGTYPE Operation against a key holding the wrong kind of value');
export const syntaxError = () => new ReplyError('ERR syntax error');
export const notAnInteger = () => new ReplyError('ERR value is not an integer or out of range');
