import { expect, it } from '@jest/globals';
import { parseArguments, USAGE } from './arguments.ts';
import { BREAKS } from './breaks.ts';

const nothing = { firstSeed: 1, seeds: 100, breakName: undefined, losesTakeovers: false, isVerbose: false };

it.each([
  [[], nothing],
  [['--seeds', '1000'], { ...nothing, seeds: 1_000 }],
  [['--seeds', '5', '--from', '70'], { ...nothing, firstSeed: 70, seeds: 5 }],
  [['--seed', '42'], { ...nothing, firstSeed: 42, seeds: 1, isVerbose: true }],
  [['--lose-takeovers', '--seeds', '9'], { ...nothing, seeds: 9, losesTakeovers: true }],
  [['--break', 'crc'], { ...nothing, seeds: 1_000, breakName: 'crc' }],
  [['--break', 'crc', '--seeds', '7'], { ...nothing, seeds: 7, breakName: 'crc' }],
  [['--seed', '3', '--break', 'drop'], { ...nothing, firstSeed: 3, seeds: 1, breakName: 'drop', isVerbose: true }],
])('%j is understood', (args, wanted) => {
  expect(parseArguments(args)).toEqual(wanted);
});

it.each([
  [['--seeds', 'many'], '--seeds many'],
  [['--seed'], '--seed'],
  [['--seed', '-1'], '--seed -1'],
  [['--break', 'everything'], '--break everything'],
  [['--break', 'constructor'], '--break constructor'],
  [['--sneed', '1'], '--sneed'],
])('%j is refused by name', (args, named) => {
  expect(() => parseArguments(args)).toThrow(named);
});

it('the usage tells of every break', () => {
  for (const [name, { what }] of Object.entries(BREAKS)) expect(USAGE).toContain(`${name.padEnd(8)} ${what}`);
});
