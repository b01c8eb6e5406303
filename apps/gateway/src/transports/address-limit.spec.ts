import { describe, expect, it } from '@jest/globals';
import { AddressLimit } from './address-limit.ts';

describe('an address', () => {
  it('has as many sessions as it may have, and room again when one has left, once', () => {
    const limit = new AddressLimit(2);
    const leave = limit.enter('192.0.2.1');
    expect(limit.isFull('192.0.2.1')).toBe(false);
    limit.enter('192.0.2.1');
    expect(limit.isFull('192.0.2.1')).toBe(true);
    expect(limit.isFull('192.0.2.2')).toBe(false);
    leave();
    leave();
    limit.enter('192.0.2.1');
    expect(limit.isFull('192.0.2.1')).toBe(true);
  });

  it.each([
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:DB8:0:0:ffff:1:2:3'],
    ['2001:db8:a:b::', '2001:db8:000a:b:1:2:3:4'],
    ['fe80::1%eth0', 'fe80::2%eth0'],
    ['::1', '::2'],
  ])('%s counts as %s does', (one, other) => {
    const limit = new AddressLimit(1);
    limit.enter(one);
    expect(limit.isFull(other)).toBe(true);
  });

  it.each([
    ['192.0.2.1', '192.0.2.2'],
    ['2001:db8:a:b::1', '2001:db8:a:c::1'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.2'],
  ])('%s does not count as %s does', (one, other) => {
    const limit = new AddressLimit(1);
    limit.enter(one);
    expect(limit.isFull(other)).toBe(false);
  });
});
