import type { Children } from '../children.ts';
import { type RunningGateway, runGateway } from '../fanout/run-gateway.ts';

const MIB = 2 ** 20;

/** A gateway that keeps little itself: what is behind comes from the journal. */
export function runPastGateway(children: Children, redisUrl: string, journalUrl: string): Promise<RunningGateway> {
  return runGateway(children, redisUrl, { JOURNAL_HTTP_URL: journalUrl, WINDOW_BYTES: String(MIB) });
}
