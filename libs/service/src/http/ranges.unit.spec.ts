import { describe, expect, it } from 'vitest';
import { chooseRange } from './ranges.ts';

describe('chooseRange', () => {
  it.each([
    ['bytes=0-9', { kind: 'part', start: 0, end: 10 }],
    ['bytes=90-', { kind: 'part', start: 90, end: 100 }],
    ['bytes=90-500', { kind: 'part', start: 90, end: 100 }],
    ['bytes=-5', { kind: 'part', start: 95, end: 100 }],
    ['bytes=-500', { kind: 'part', start: 0, end: 100 }],
    ['Bytes=99-99', { kind: 'part', start: 99, end: 100 }],
    ['bytes=100-', { kind: 'unsatisfiable' }],
    ['bytes=-0', { kind: 'unsatisfiable' }],
    // RFC 9110 §14.2: a server ignores a Range header that it does not understand.
    ['bytes=9-0', { kind: 'whole' }],
    ['bytes=0-1,5-6', { kind: 'whole' }],
    ['lines=0-1', { kind: 'whole' }],
    ['bytes=', { kind: 'whole' }],
    ['bytes=-', { kind: 'whole' }],
    ['bytes=a-b', { kind: 'whole' }],
    [undefined, { kind: 'whole' }],
  ])('%s of 100 bytes', (range, expected) => {
    expect(chooseRange(range, 100)).toEqual(expected);
  });
});
