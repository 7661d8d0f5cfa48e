import { expect, test } from 'vitest';
import { isSandboxSource, PAYER_CONTRACT } from '@provider-access/events';
import { SandboxPayer } from './payer.ts';

const payer = new SandboxPayer(20);

test('every event of a sandbox comes from its synthetic payer', () => {
  const events = [...payer.newest(), ...payer.past(), ...Array.from({ length: 20 }, (_, tick) => payer.at(tick, 1000))];
  expect(events.length).toBeGreaterThan(1000);
  expect(events.filter(({ source }) => !isSandboxSource(source))).toEqual([]);
  expect(new Set(events.map(({ source }) => source)).size).toBeGreaterThan(3);
});

test('a tick has the time of its place, so a sandbox that starts again goes on', () => {
  expect(payer.at(1_000_000, 10_000).time).toBe(new Date(10_000_000_000).toISOString());
  expect(PAYER_CONTRACT.read(payer.at(42, 10_000), 420_000)).toMatchObject({ ok: true });
});

test('knows the NPIs and TINs of its own providers, and no other', () => {
  for (const { npi, tin, practitioners } of payer.organizations) {
    expect(payer.npis.has(npi)).toBe(true);
    expect(payer.tins.has(tin)).toBe(true);
    for (const practitioner of practitioners) expect(payer.npis.has(practitioner.npi)).toBe(true);
  }
  expect(payer.npis.has('1234567893')).toBe(false);
});
