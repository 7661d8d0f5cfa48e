import { expect, it } from 'vitest';
import { checkShape } from '@provider-access/fhir';
import { findMoney, redact } from '@provider-access/domain/pdex';
import { PAYER_CONTRACT } from '@provider-access/events';
import { CliError, EXIT } from '../output.ts';
import { creation, freshClaim, marksOf, probeResources, removal, strangerOf } from './content.ts';
import { ProbeFault, Walk } from './report.ts';

const world = { member: 'pa-probe', npi: '1234567893' };
const AT = '2026-11-10T15:00:00.000Z';

it('takes steps until one fails, then only what is always taken, and names the first that failed', async () => {
  const reported: string[] = [];
  const walk = new Walk(({ step, ok }) => reported.push(`${step} ${ok}`));
  await walk.step('discovery', 1000, async () => 'fine');
  await walk.step('token', 1000, async () => {
    throw new ProbeFault('no token');
  });
  await walk.step('group', 1000, async () => 'never taken');
  await walk.step(
    'clean-up',
    1000,
    async () => {
      throw new CliError(EXIT.unavailable, 'away');
    },
    true,
  );
  expect(reported).toEqual(['discovery true', 'token false', 'clean-up false']);
  expect(walk.report()).toMatchObject({
    ok: false,
    failed: 'token',
    steps: [{ detail: 'fine' }, { detail: 'no token' }, { detail: 'away' }],
  });
});

it('ends a step after its time, and never repeats what an unexpected error says', async () => {
  const walk = new Walk();
  await walk.step('status', 30, () => new Promise(() => undefined));
  expect(walk.report().steps[0]).toMatchObject({ ok: false, detail: 'not done after 0.03 s' });
  await walk.step(
    'remove',
    1000,
    async () => {
      throw new SyntaxError('Unexpected token eyJsecret');
    },
    true,
  );
  expect(walk.report().steps[1]!.detail).toBe('unexpected SyntaxError');
});

it('publishes what the platform takes: valid events, base R4, with money that a provider must not see', () => {
  for (const event of [...creation(world, AT), ...removal(world, AT)])
    expect(PAYER_CONTRACT.read(event, Date.parse(AT))).toMatchObject({ ok: true });
  const resources = [...probeResources(world), freshClaim(world, 'x', AT)];
  for (const resource of resources) {
    expect(checkShape(resource)).toEqual([]);
    expect(findMoney(redact(resource).resource)).toEqual([]);
    // The mark that the probe looks for survives redaction.
    expect(marksOf(redact(resource).resource)).toEqual(marksOf(resource));
  }
  expect(resources.filter((r) => findMoney(r).length > 0)).toHaveLength(2);
  expect(
    creation(world, AT).some((e) => e.subject === strangerOf(world) && e.type === 'payer.attribution-asserted.v1'),
  ).toBe(false);
});
