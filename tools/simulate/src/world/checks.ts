import { crc32 } from 'node:zlib';
import { Market } from '@depthcast/market';
import type { StreamEntry } from '../redis/stream.ts';
import { checkStoredAccounts, checkStoredBooks } from './check-late-join.ts';
import { checkReplay } from './check-replay.ts';
import { effectOf, type Promised } from './ledger.ts';
import type { World } from './world.ts';

/** Something that must never be, and what shows it. */
export interface Violation {
  readonly kind: 'lost' | 'doubled' | 'reordered' | 'forked' | 'broken';
  readonly what: string;
}

/** So many of a kind tell as much as all of them. */
const SHOWN_MAX = 5;

/** What a run has come to, once everything is mended and has come to rest. */
export function check(world: World): Violation[] {
  const log = world.stream(world.keys.log).everAdded;
  return [
    ...world.defects.map((what): Violation => ({ kind: 'broken', what })),
    ...checkChain(log),
    ...checkTip(world, log),
    ...checkSightings(world, log),
    ...checkEffects(world, log),
    ...checkAccounts(world),
    ...checkStoredBooks(world, log),
    ...checkStoredAccounts(world, log),
    ...checkReplay(world, log),
  ];
}

/** Nobody tampers with the keys, and nothing is let go of that a recovery needs. */
const REASONS = new Set(['start', 'redis_replaced']);

/** Offsets without a hole; each epoch says truly what it follows. */
function checkChain(log: readonly StreamEntry[]): Violation[] {
  const violations: Violation[] = [];
  for (const [i, entry] of log.entries()) {
    const before = log[i - 1];
    const [topic, payload = ''] = entry.fields;
    const follows =
      topic === 'epoch'
        ? entry.seq === 0 && payload.includes(`"previous_tail":${before ? `"${before.id}"` : 'null'},`)
        : before !== undefined && entry.ms === before.ms && entry.seq === before.seq + 1;
    if (!follows) violations.push({ kind: 'broken', what: `${entry.id} ${topic} does not follow ${before?.id}` });
    const reason = topic === 'epoch' ? /"reason":"(\w+)"/.exec(payload)?.[1] : undefined;
    if (reason !== undefined && !REASONS.has(reason)) {
      violations.push({
        kind: 'broken',
        what: `${entry.id} was opened for ${reason}, which nothing here gives cause to`,
      });
    }
  }
  return violations.slice(0, SHOWN_MAX);
}

/** The tip names the log's end, and the sum of what its epoch holds. */
function checkTip(world: World, log: readonly StreamEntry[]): Violation[] {
  const tip = world.hash(world.keys.tip);
  const id = `${tip.get('epoch')}-${tip.get('offset')}`;
  if (log.at(-1)?.id !== id) return [{ kind: 'broken', what: `the tip is ${id}, the log ends at ${log.at(-1)?.id}` }];
  let crc = 0;
  for (const { ms, seq, fields } of log)
    if (String(ms) === tip.get('epoch') && seq > 0) crc = crc32(fields.join(''), crc);
  if (String(crc) === tip.get('crc')) return [];
  return [{ kind: 'broken', what: `the tip's crc is ${tip.get('crc')}, the log's ${crc}` }];
}

/** One id, one content: among all readers, and between them and what is left. What a reader alone saw it was told of. */
function checkSightings({ sightings }: World, log: readonly StreamEntry[]): Violation[] {
  const violations = sightings.forks.map(({ id, first, later, who }): Violation => {
    return { kind: 'forked', what: `${id} was ${first}, then for ${who} ${later}` };
  });
  const left = new Map(log.map(({ id, fields }) => [id, `${fields[0]} ${fields[1]}`]));
  for (const [id, seen] of sightings.entries) {
    const held = left.get(id);
    if (held !== undefined && held !== seen) violations.push({ kind: 'forked', what: `${id} was ${seen}, is ${held}` });
  }
  const indexes = new Map(log.map(({ id }, i) => [id, i]));
  for (const [who, path] of sightings.paths) {
    // Since it was last told to begin anew, a reader has been shown nothing but what is left, without a gap.
    const since = path.slice(path.lastIndexOf('reset') + 1);
    const gap = since.findIndex((id, i) => i > 0 && indexes.get(id) !== (indexes.get(since[i - 1] ?? '') ?? -2) + 1);
    if (gap > 0) violations.push({ kind: 'forked', what: `${who} was shown ${since[gap]} after ${since[gap - 1]}` });
  }
  return violations.slice(0, SHOWN_MAX);
}

/** Every input that was acknowledged has its effect once, in its producer's order; one that was withdrawn has none. */
function checkEffects(world: World, log: readonly StreamEntry[]): Violation[] {
  const { promised } = world.ledger;
  const seen = new Map<string, string>();
  const lastOf = new Map<string, number>();
  const violations: Violation[] = [];
  for (const { id, fields } of log) {
    const effect = effectOf(fields[0] ?? '', fields[1] ?? '');
    if (effect === undefined) continue;
    const first = seen.get(effect);
    if (first !== undefined) violations.push({ kind: 'doubled', what: `${effect} at ${first} and ${id} ${fields[1]}` });
    seen.set(effect, id);
    const by = promised.get(effect);
    if (!by || by.isRepeated) continue;
    if (by.outcome === 'withdrawn') violations.push({ kind: 'doubled', what: `${effect} at ${id} had been withdrawn` });
    const last = lastOf.get(by.producer) ?? 0;
    if (by.number < last) violations.push({ kind: 'reordered', what: `${effect} at ${id} comes after a later input` });
    lastOf.set(by.producer, Math.max(last, by.number));
  }
  for (const by of promised.values()) {
    if (!seen.has(by.effect) && isOwed(world, by)) {
      const { effect, producer, acknowledgedAtMs } = by;
      violations.push({ kind: 'lost', what: `${effect} of ${producer}, acknowledged at ${acknowledgedAtMs}` });
    }
  }
  return violations.slice(0, SHOWN_MAX * 2);
}

/** What a producer has to send again takes it no longer, once it reaches Redis. */
const AROUND_MS = 12_000;

/** A dead producer sends nothing again: of what Redis has lost once, all that it lost around that death may be missing. */
function isOwed({ ledger, fleet }: World, { outcome, acknowledgedAtMs, producer }: Promised): boolean {
  const killedAtMs = ledger.killedAtMs.get(producer);
  if (killedAtMs === undefined) return outcome === 'acknowledged' || outcome === 'sent';
  if (outcome !== 'acknowledged') return false;
  const wasLost = fleet.losses.some(({ fromMs, untilMs }) => {
    return acknowledgedAtMs >= fromMs && acknowledgedAtMs <= untilMs + AROUND_MS;
  });
  const lostAroundDeath = fleet.losses.some(({ fromMs, untilMs }) => {
    return fromMs <= killedAtMs && killedAtMs <= untilMs + AROUND_MS;
  });
  return !(wasLost && lostAroundDeath);
}

/** Nothing is made out of nothing: of each asset there is as much as the accounts began with. */
function checkAccounts(world: World): Violation[] {
  const state = world.hash(world.keys.snapshot).get('newest.state');
  if (state === undefined) return [{ kind: 'broken', what: 'there is no snapshot' }];
  const violations: Violation[] = [];
  for (const [asset, { deposited, free, locked, counterparty }] of Market.restore(state).audit()) {
    if (free + locked + counterparty === deposited && free >= 0n && locked >= 0n) continue;
    const what = `of ${asset} ${deposited} came in; ${free} free, ${locked} locked, ${counterparty} with others`;
    violations.push({ kind: 'broken', what });
  }
  return violations;
}
