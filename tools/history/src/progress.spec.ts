import { describe, expect, it } from '@jest/globals';
import { Progress } from './progress.ts';

function screen(isTTY: boolean) {
  const written: string[] = [];
  return { isTTY, written, write: (text: string) => written.push(text) };
}

describe('progress', () => {
  it('is a bar drawn over itself on a terminal, ten times a second at most, and can be taken away', () => {
    let nowMs = 0;
    const terminal = screen(true);
    const progress = new Progress(terminal, () => nowMs);
    progress.show(0.5, '1 of 2');
    nowMs = 50;
    progress.show(0.6, 'too soon');
    nowMs = 150;
    progress.show(2, 'beyond');
    progress.clear();
    progress.clear();
    expect(terminal.written).toEqual([
      `\r\u001b[2K${'█'.repeat(14)}${'░'.repeat(14)}  50 %  1 of 2`,
      `\r\u001b[2K${'█'.repeat(28)} 100 %  beyond`,
      '\r\u001b[2K',
    ]);
  });

  it('is a plain line every five seconds elsewhere', () => {
    let nowMs = 0;
    const file = screen(false);
    const progress = new Progress(file, () => nowMs);
    for (; nowMs <= 11_000; nowMs += 100) progress.show(undefined, `at ${nowMs}`);
    progress.clear();
    expect(file.written).toEqual(['at 0\n', 'at 5000\n', 'at 10000\n']);
  });
});
