import { type Cursor, formatSessionCursor, type ResetReason } from '@depthcast/protocol';
import type { Filter } from '../fanout/filter.ts';
import type { Format, Stamp } from '../fanout/format.ts';
import type { RateBudget } from '../fanout/rates.ts';
import { type Companion, type Ensemble, LogSession, type Sink } from '../fanout/session.ts';
import type { Gateway } from '../gateway.ts';
import type { ResumeRequest } from '../resume/locator.ts';
import { showAll } from '../resume/show-all.ts';
import type { Partitions } from './partitions.ts';
import { endsOf, sessionCursor } from './view-reset.ts';

export interface BundleOptions {
  readonly partitions: Partitions;
  readonly sink: Sink;
  readonly format: Format;
  readonly companion?: Companion | undefined;
  /** Where the connection has a rate. */
  readonly budget?: RateBudget | undefined;
}

/** What of a partition a connection wants, and how it begins where it has no cursor. */
export interface Wanted {
  readonly filter: Filter;
  readonly fresh: 'tail' | 'snapshot';
}

interface Member {
  readonly partition: number;
  readonly gateway: Gateway;
  readonly fresh: Wanted['fresh'];
  session: LogSession;
}

let bundles = 0;

/**
 * A connection's subscription to the log: a session in each partition that it concerns, all of them writing to the one
 * socket. With several partitions an id names what the connection has received of every one. While all its sessions are
 * at the head that is the same for everybody who is, so they share their frames; until then each has its own.
 */
export class Bundle implements Ensemble {
  readonly #options: BundleOptions;
  readonly #id = ++bundles;
  readonly #members: Member[] = [];
  isAligned = false;
  #isStarted = false;
  #isResetting = false;
  #isClosed = false;

  constructor(options: BundleOptions) {
    this.#options = options;
  }

  get key(): string {
    return `#${this.#id}`;
  }

  /** Its sessions, by their partitions; another one after a reset. */
  session(partition: number): LogSession | undefined {
    return this.#memberOf(partition)?.session;
  }

  /** Wants something of one more partition. Once started, that begins at once. */
  add(partition: number, { filter, fresh }: Wanted): void {
    const gateway = this.#options.partitions.all[partition] as Gateway;
    const member = { partition, gateway, fresh, session: this.#open(partition, filter) };
    this.#members.push(member);
    if (!this.#isStarted) return;
    // Ids of before its own beginning name the one that the client might come back with.
    member.session.cursor = gateway.place;
    this.#unalign();
    const { session } = member;
    void gateway.caughtUp().then(() => {
      // A reset has shown it what there is already.
      if (!this.#isClosed && member.session === session) this.#startFresh([member]);
    });
  }

  /** Finds where it goes on in each. Never rejects. */
  async start(request?: ResumeRequest): Promise<void> {
    const { partitions } = this.#options;
    const members = this.#members;
    this.#isStarted = true;
    if (partitions.count === 1) {
      await Promise.all(members.map(({ gateway, session, fresh }) => gateway.ladder.start(session, request, fresh)));
      return;
    }
    await Promise.all(members.map(({ gateway }) => gateway.caughtUp()));
    if (this.#isClosed) return;
    if (!request) return this.#startFresh(members);
    const places = partitions.locate(request);
    if ('lost' in places) return await this.#reset(places.lost, request.text);
    // Before any of them writes an id, which names them all.
    for (const { partition, session } of members) session.cursor = places[partition];
    const starts = members.map(({ gateway, partition, session }) => {
      const place = places[partition];
      const text = place ? formatSessionCursor([place]) : '0';
      return gateway.ladder.start(session, { text, fromHeader: place !== undefined });
    });
    await Promise.all(starts);
  }

  /** Safe to call again, and before it has been started. */
  close(): void {
    this.#isClosed = true;
    this.isAligned = false;
    for (const { gateway, session } of this.#members) gateway.fanout.close(session);
  }

  stampOf(session: LogSession): Stamp {
    const { partitions } = this.#options;
    const { partition } = session;
    return this.isAligned ? partitions.stamp(partition) : partitions.stamp(partition, (other) => this.#placeOf(other));
  }

  onHead(): void {
    if (this.isAligned) return;
    const members = this.#members;
    if (!members.every(({ session }) => session.state === 'head')) return;
    this.isAligned = true;
    for (const { gateway, session } of members) gateway.fanout.regroup(session);
  }

  onLeft(): void {
    this.#unalign();
  }

  reset(reason: ResetReason): Promise<void> {
    return this.#reset(reason, sessionCursor(this.#options.partitions.all.map((_, i) => this.#placeOf(i))) ?? '');
  }

  /** Says why, once, and shows how all of it stands. */
  async #reset(reason: ResetReason, requested: string): Promise<void> {
    if (this.#isResetting) return;
    this.#isResetting = true;
    const members = this.#members;
    const { partitions, companion } = this.#options;
    await Promise.all(members.map(({ gateway }) => gateway.caughtUp()));
    const ends = await endsOf(partitions);
    this.#isResetting = false;
    if (this.#isClosed) return;
    for (const member of this.#members) this.#renew(member);
    const [first] = members;
    if (!first) return;
    const { ladder, fanout } = first.gateway;
    ladder.stats.outcomes.reset++;
    fanout.writeTo(first.session, ladder.resetFrame(reason, requested, ends));
    this.#show(this.#members, () => 'snapshot');
    companion?.onReset();
  }

  /** What has been received of a partition. */
  #placeOf(partition: number): Cursor | undefined {
    const member = this.#memberOf(partition);
    if (!member) return this.#options.partitions.placeOf(partition);
    const { session, gateway } = member;
    return session.state === 'head' ? gateway.window.tail : session.cursor;
  }

  #memberOf(partition: number): Member | undefined {
    return this.#members.find((member) => member.partition === partition);
  }

  #startFresh(members: readonly Member[]): void {
    for (const { gateway } of members) gateway.ladder.stats.outcomes.head++;
    this.#show(members, ({ fresh }) => fresh);
  }

  #show(members: readonly Member[], whatOf: (member: Member) => Wanted['fresh']): void {
    const shown = members.map((member) => {
      const { session, gateway } = member;
      const { fanout, snapshots, window } = gateway;
      const atTail = { cursor: window.tail, position: window.end, onWire: () => [] };
      return { fanout, session, snapshot: whatOf(member) === 'snapshot' ? snapshots.take(session.filter) : atTail };
    });
    showAll(shown);
  }

  /** Its frames are its own from now on: one of it is not where the others' are. */
  #unalign(): void {
    if (!this.isAligned) return;
    this.isAligned = false;
    for (const { gateway, session } of this.#members) gateway.fanout.withdraw(session);
  }

  #open(partition: number, filter: Filter): LogSession {
    const { partitions, sink, format, companion, budget } = this.#options;
    const { fanout } = partitions.all[partition] as Gateway;
    const session = new LogSession(sink, filter, format, companion);
    session.budget = budget;
    session.partition = partition;
    if (partitions.count > 1) session.ensemble = this;
    fanout.add(session);
    return session;
  }

  /** Whatever is under way for a session ends with it. */
  #renew(member: Member): void {
    this.isAligned = false;
    member.gateway.fanout.close(member.session);
    member.session = this.#open(member.partition, member.session.filter);
  }
}
