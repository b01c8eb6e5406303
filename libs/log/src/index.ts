export { APPEND_ENTRIES_MAX, BATCH_ENTRIES_MAX } from './appender.ts';
export { ChannelReader, type ChannelReaderOptions } from './channel-reader.ts';
export { checkRedis, FORMAT_VERSION } from './check-redis.ts';
export {
  type ConnectOptions,
  connectRedis,
  duplicateClient,
  isPassing,
  isReplyError,
  type RedisClient,
  retryReads,
} from './connect.ts';
export { EntryDecoder, followsEpoch, type LogEntry, LogGapError, previousTailOf, type RawEntry } from './entries.ts';
export { InboxProducer, type InboxProducerOptions } from './inbox-producer.ts';
export { compareInboxIds, INBOX_START, type InboxEntry, InboxReader, type LogHolder } from './inbox-reader.ts';
export { CLUSTER_KEY, CONTROL_CHANNEL, type PartitionKeys, partitionKeys, revokedKey, ticketKey } from './keys.ts';
export { type Lag, LagWatch, type LogSample } from './lag.ts';
export { LEASE_MS, Lease, type LeaseOptions } from './lease.ts';
export { LOG_LINES_TYPE, logLine, readLogLines } from './log-lines.ts';
export { readMemory } from './memory.ts';
export { type FollowOptions, type FollowState, LogReader } from './reader.ts';
export type { Repaired } from './repair.ts';
export { type Retired, readWatermark, retireLog } from './retire.ts';
export { type Script, scripts } from './script.ts';
export {
  readAccounts,
  readBooks,
  readSnapshots,
  readUnsynced,
  type StoredAccounts,
  type StoredBook,
  type StoredSnapshot,
} from './snapshots.ts';
export { Timeline } from './timeline.ts';
export { cursorOf, readTip, type Tip } from './tip.ts';
export {
  type Claimed,
  LogWriter,
  type SnapshotToStore,
  type WriterOptions,
} from './writer.ts';
