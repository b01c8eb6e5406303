import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CredentialWatch } from './credential-watch.ts';
import { ANONYMOUS, type Identity, OPEN } from './identity.ts';

const START_MS = 1_767_225_600_250;

function identity(expiresMs: number, jti?: string): Identity {
  return { kind: 'account', credential: { account: 'alice', jti, expiresMs } };
}

/** A Redis that knows what is revoked, until it is away. */
class Denylist {
  readonly revoked = new Set<string>();
  readonly asked: string[] = [];
  isAway = false;
  /** Called before each answer, with what has been asked. */
  onAsked: (jti: string) => void = () => {};

  readonly isRevoked = async (jti: string): Promise<boolean> => {
    this.asked.push(jti);
    const isRevoked = this.revoked.has(jti);
    this.onAsked(jti);
    if (this.isAway) throw new Error('away');
    return isRevoked;
  };
}

function setUp() {
  const clock = { nowMs: START_MS };
  const denylist = new Denylist();
  const watch = new CredentialWatch({ isRevoked: denylist.isRevoked, nowMs: () => clock.nowMs });
  const ended: string[] = [];
  const open = (name: string, expiresMs: number, jti?: string) =>
    watch.watch(identity(expiresMs, jti), ({ code }) => void ended.push(`${name} ${code}`));
  const tick = async (ms = 1_000): Promise<void> => {
    clock.nowMs += ms;
    await watch.tick();
  };
  return { clock, denylist, watch, ended, open, tick };
}

describe('a session that came with a token', () => {
  it('ends within a second after its token has expired, and not before', async () => {
    const { ended, open, tick } = setUp();
    open('a', START_MS + 3_000, 'a');
    await tick();
    await tick();
    expect(ended).toEqual([]);
    await tick(999);
    expect(ended).toEqual([]);
    await tick();
    expect(ended).toEqual(['a TOKEN_EXPIRED']);
    await tick(10_000);
    expect(ended).toHaveLength(1);
  });

  it('ends though the process has slept through that second, or the token had expired already', async () => {
    const { ended, open, tick, watch } = setUp();
    open('slept', START_MS + 1_500);
    open('over', START_MS - 60_000);
    expect(ended).toEqual([]);
    await tick(600_000);
    expect(ended.sort()).toEqual(['over TOKEN_EXPIRED', 'slept TOKEN_EXPIRED']);
    open('late', START_MS);
    await tick();
    expect(ended).toContain('late TOKEN_EXPIRED');
    expect(watch.size).toBe(0);
  });

  it('ends with the notice that its token is revoked, with all others of that token, and no others', async () => {
    const { ended, open, watch } = setUp();
    open('a', START_MS + 60_000, 'one');
    open('b', START_MS + 60_000, 'one');
    open('c', START_MS + 60_000, 'two');
    open('d', START_MS + 60_000);
    watch.revoke('one');
    watch.revoke('one');
    watch.revoke('__proto__');
    expect(ended).toEqual(['a TOKEN_REVOKED', 'b TOKEN_REVOKED']);
    expect(watch.size).toBe(2);
  });

  it('that was revoked while it was being opened ends at the next tick', async () => {
    const { denylist, ended, open, tick } = setUp();
    denylist.revoked.add('one');
    open('a', START_MS + 60_000, 'one');
    await tick();
    expect(ended).toEqual(['a TOKEN_REVOKED']);
  });

  it('is asked about when it comes, after an outage, and now and then, and once however many share a token', async () => {
    const { denylist, open, tick, watch } = setUp();
    for (const name of ['a', 'b', 'c']) open(name, START_MS + 600_000, 'one');
    await tick();
    await tick();
    expect(denylist.asked).toEqual(['one']);
    watch.recheck();
    await watch.checkDue();
    expect(denylist.asked).toEqual(['one', 'one']);
    for (let i = 0; i < 20; i++) await tick();
    expect(denylist.asked).toHaveLength(4);
  });

  it('stays due while Redis is away', async () => {
    const { denylist, ended, open, tick } = setUp();
    denylist.isAway = true;
    denylist.revoked.add('one');
    open('a', START_MS + 600_000, 'one');
    open('b', START_MS + 600_000, 'two');
    await tick();
    await tick();
    expect(ended).toEqual([]);
    denylist.isAway = false;
    await tick();
    expect(ended).toEqual(['a TOKEN_REVOKED']);
  });

  it('that comes while its token is asked about is asked about again', async () => {
    const { denylist, ended, open, tick } = setUp();
    open('a', START_MS + 600_000, 'one');
    denylist.onAsked = () => {
      // The answer is on its way: no. Then it is revoked, and the notice is lost.
      denylist.revoked.add('one');
      open('b', START_MS + 600_000, 'one');
      denylist.onAsked = () => {};
    };
    await tick();
    expect(ended).toEqual([]);
    await tick();
    expect(ended.sort()).toEqual(['a TOKEN_REVOKED', 'b TOKEN_REVOKED']);
  });

  it('is the only kind that is watched', async () => {
    const { watch } = setUp();
    const never = () => {
      throw new Error('it has no token');
    };
    watch.watch(OPEN, never)();
    watch.watch(ANONYMOUS, never)();
    expect(watch.size).toBe(0);
  });

  it('ends once, for the right reason, whatever happens in whatever order', async () => {
    const jti = fc.constantFrom('one', 'two', 'three', undefined);
    const step = fc.oneof(
      fc.record({ do: fc.constant('open' as const), jti, inMs: fc.integer({ min: -2_000, max: 8_000 }) }),
      fc.record({ do: fc.constant('close' as const), index: fc.nat(20) }),
      fc.record({ do: fc.constant('revoke' as const), jti: fc.constantFrom('one', 'two', 'three') }),
      fc.record({ do: fc.constant('tick' as const), ms: fc.integer({ min: 1, max: 3_000 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { clock, denylist, watch, ended, open, tick } = setUp();
        /** The naive model: everything ever opened. */
        const all: { name: string; jti: string | undefined; expiresMs: number; state: string; unwatch: () => void }[] =
          [];
        const expected: string[] = [];
        const finish = (session: (typeof all)[number], code: string): void => {
          session.state = code;
          expected.push(`${session.name} ${code}`);
        };
        for (const it of steps) {
          const alive = () => all.filter(({ state }) => state === 'open');
          if (it.do === 'open') {
            const name = String(all.length);
            const expiresMs = clock.nowMs + it.inMs;
            all.push({ name, jti: it.jti, expiresMs, state: 'open', unwatch: open(name, expiresMs, it.jti) });
          } else if (it.do === 'close') {
            const session = all[it.index];
            session?.unwatch();
            if (session?.state === 'open') session.state = 'closed';
          } else if (it.do === 'revoke') {
            denylist.revoked.add(it.jti);
            watch.revoke(it.jti);
            for (const session of alive()) if (session.jti === it.jti) finish(session, 'TOKEN_REVOKED');
          } else {
            const before = Math.floor(clock.nowMs / 1_000);
            await tick(it.ms);
            const second = Math.floor(clock.nowMs / 1_000);
            if (second > before) {
              for (const session of alive()) {
                if (Math.ceil(session.expiresMs / 1_000) <= second) finish(session, 'TOKEN_EXPIRED');
              }
            }
            for (const session of alive()) {
              if (session.jti !== undefined && denylist.revoked.has(session.jti)) finish(session, 'TOKEN_REVOKED');
            }
          }
          expect([...ended].sort()).toEqual([...expected].sort());
          expect(watch.size).toBe(alive().length);
        }
      }),
      { numRuns: 300 },
    );
  });
});
