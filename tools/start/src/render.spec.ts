import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { renderLine } from './render.ts';
import { Screen } from './screen.ts';

const plain = (_: unknown, text: string): string => text;
const LINE =
  '{"level":"info","time":"2026-11-20T10:00:00.123Z","app":"engine","pid":7,"addr":"127.0.0.1:1","n":2,"msg":"listening"}';

describe('a log line on the terminal', () => {
  it('shows time, level, message and fields', () => {
    expect(renderLine(LINE, plain)).toBe('10:00:00.123 info  listening addr=127.0.0.1:1 n=2');
  });

  it('shows the stack of an error below', () => {
    const line = '{"level":"fatal","time":"2026-11-20T10:00:00.123Z","err":{"stack":"Error: x\\n    at y"},"msg":"x"}';
    expect(renderLine(line, plain)).toBe('10:00:00.123 fatal x\nError: x\n    at y');
  });

  it.each(['plain text', '{"level":broken', '{}'])('leaves %j as it is', (line) => {
    expect(renderLine(line, plain)).toBe(line);
  });

  it('carries the name of its process on every line, or goes out untouched as JSON', () => {
    const chunks: string[] = [];
    const out = new Writable({
      write(chunk, _, done) {
        chunks.push(String(chunk));
        done();
      },
    });
    new Screen(out, plain, false).line('gateway-1', 'a\nb');
    new Screen(out, plain, true).line('gateway-1', LINE);
    expect(chunks.join('')).toBe(`gateway-1  │ a\ngateway-1  │ b\n${LINE}\n`);
  });
});
