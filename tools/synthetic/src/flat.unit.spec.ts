import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { flat } from './flat.ts';
import { syntheticPayer } from './payer.ts';

/** Whether V8 keeps a text in one piece. Nothing that a program can do without V8's own functions tells it. */
function flatnessOf(): (text: string) => boolean {
  setFlagsFromString('--allow-natives-syntax');
  try {
    const isFlat = runInThisContext('(text) => %StringIsFlat(text)') as (text: string) => boolean;
    // V8 reads the function at its first call.
    isFlat('');
    return isFlat;
  } finally {
    setFlagsFromString('--no-allow-natives-syntax');
  }
}

describe('flat', () => {
  const isFlat = flatnessOf();

  it('joins texts and numbers to one piece', () => {
    expect(flat('m-000057', '-eob-', 12)).toBe('m-000057-eob-12');
    expect(isFlat(flat('m-000057', '-eob-', 12))).toBe(true);
    const [member, n] = ['m-000057', 12].values();
    expect(isFlat(`${member}-eob-${n}`)).toBe(false);
  });

  it('leaves no text of an event in pieces', () => {
    const found = new Set<string>();
    const look = (value: unknown, path: string): void => {
      if (typeof value === 'string' && !isFlat(value)) found.add(path);
      if (typeof value !== 'object' || value === null) return;
      if (Array.isArray(value)) for (const item of value) look(item, path);
      else for (const [name, part] of Object.entries(value)) look(part, `${path}.${name}`);
    };
    const payer = syntheticPayer({ seed: '1', members: 12, asOf: '2026-01-01T00:00:00.000Z' });
    let events = 0;
    for (const event of payer.events()) {
      events += 1;
      look(event, (event.data as { resource?: { resourceType?: string } }).resource?.resourceType ?? event.type);
    }
    expect(events).toBeGreaterThan(3_000);
    expect([...found]).toEqual([]);
  });
});
