import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type LogEntry, logLine } from '@depthcast/log';
import type { Cursor } from '@depthcast/protocol';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { FakeJournal } from '../testing/fake-journal.ts';
import { EPOCH, newLog } from '../testing/memory-gateway.ts';
import { MemoryJournal } from '../testing/memory-journal.ts';
import { HttpJournalSource, type JournalSource } from './journal-source.ts';

/** All slices of a page. */
async function read(source: JournalSource, after: Cursor | undefined, countMax: number): Promise<LogEntry[]> {
  return [...(await source.page(after, countMax))].flat();
}

const at = (offset: number, epoch = EPOCH) => ({ epoch, offset });

afterAll(() => FakeJournal.stopAll());

describe('the journal over HTTP', () => {
  it('gives what it has, as it has it', async () => {
    const log = newLog(5);
    log.openEpoch(EPOCH + 1);
    const journal = new MemoryJournal(log).record();
    const fake = await FakeJournal.start(journal);
    const source = new HttpJournalSource(`${fake.url}/`);
    expect(await read(source, at(2), 2)).toEqual(log.entries.slice(3, 5));
    expect(await read(source, undefined, 2)).toEqual(log.entries.slice(0, 2));
    expect(await read(source, at(5), 10)).toEqual(log.entries.slice(6));
    expect(await read(source, at(0, EPOCH + 1), 10)).toEqual([]);
    expect(await source.timeline()).toEqual({
      epochs: [
        { epoch: EPOCH, ordinal: 0, previousTail: undefined },
        { epoch: EPOCH + 1, ordinal: 1, previousTail: at(5) },
      ],
      earliest: at(0),
      tail: at(0, EPOCH + 1),
    });
    expect(await source.cursorAt(1_000)).toEqual(at(0, EPOCH + 1));
    expect(await source.books(at(2), ['A', 'B'])).toEqual([]);
    journal.drop(3);
    await expect(source.page(at(1), 2)).rejects.toMatchObject({ code: 'HISTORY_MISSING' });
    await fake.stop();
    await expect(source.timeline()).rejects.toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
  });
});

describe('a journal', () => {
  let server: Server | undefined;

  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  async function sourceOf(answer: (response: ServerResponse) => void, timeoutMs?: number): Promise<HttpJournalSource> {
    server = createServer((_request, response) => answer(response));
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    return new HttpJournalSource(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, undefined, {
      timeoutMs,
    });
  }

  it('whose page is huge has it cut behind a whole line, and at least one', async () => {
    const big = `{"pad":"${'x'.repeat(3 << 20)}"}`;
    const source = await sourceOf((response) => {
      for (let i = 1; i <= 20; i++) response.write(logLine(EPOCH, i, 'market:A', big));
      response.end();
    });
    const entries = await read(source, at(0), 20);
    expect(entries.length).toBeGreaterThanOrEqual(2);
    expect(entries.length).toBeLessThan(5);
    expect(entries.map(({ offset }) => offset)).toEqual(entries.map((_, i) => i + 1));
  });

  it.each([
    [
      'a page with a gap in it',
      (r: ServerResponse) => r.end(logLine(EPOCH, 1, 'a', '{}') + logLine(EPOCH, 3, 'a', '{}')),
    ],
    ['a page that does not follow', (r: ServerResponse) => r.end(logLine(EPOCH, 5, 'a', '{}'))],
    ['half a line', (r: ServerResponse) => r.end('1-1 a {')],
    [
      'an end within the body',
      (r: ServerResponse) => r.writeHead(200, { 'content-length': '99' }).end('x', () => r.destroy()),
    ],
    ['a server error', (r: ServerResponse) => r.writeHead(500).end('oops')],
    ['a 404 of another server', (r: ServerResponse) => r.writeHead(404).end('<html>')],
    ['nothing for too long', () => {}],
  ])('that gives %s counts as one that does not answer', async (_, answer) => {
    const source = await sourceOf(answer, 200);
    await expect(read(source, at(0), 10)).rejects.toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
  });
});
