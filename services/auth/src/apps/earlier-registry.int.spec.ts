import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bindingEnd, providersAt } from '@provider-access/domain/access';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { type AppRegistered, dataOf, PA_REGISTRY } from '@provider-access/events';
import { approvals } from '@provider-access/smart';
import { ADMINISTRATOR, Bench, NOW, prepare } from '../../test/harness.ts';

/**
 * What an earlier build wrote to pa.registry, read by this one (APPS.md P5, P6, P34). `scripts/earlier-registry.ts`
 * made the records and has the story of each app.
 */

interface Line {
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: string;
}
const lines = readFileSync(join(import.meta.dirname, '../../test/earlier/registry.jsonl'), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Line);
const ofType = (type: string): readonly Line[] => lines.filter(({ headers }) => headers['ce_type'] === type);
/** The id of the app with this name. */
const idOf = (name: string): string =>
  ofType('pa.app-registered.v1').find((line) => dataOf<AppRegistered>(line).name === name)!.key;
/** When the decision of this number about the app was recorded; 1 is the first approval. */
const at = (name: string, decision: number): string =>
  lines.filter(({ key }) => key === idOf(name))[decision]!.headers['ce_time']!;

let bench: Bench;
beforeAll(async () => {
  await prepare();
  const log = openMemoryLog({ partitions: 4, now: () => NOW });
  for (const { key, headers, value } of lines)
    await log.append(PA_REGISTRY, [{ key, partitionKey: key, headers, value }]);
  bench = await Bench.start({ log });
});
afterAll(() => bench.stop());

const shown = async (name: string) =>
  (await bench.call('GET', `/auth/clients/${idOf(name)}`, { token: ADMINISTRATOR })).body;
/** Provider, beginning, and end if there is one. */
const intervals = (name: string): readonly unknown[] =>
  bench.parties.client(idOf(name))!.bindings.map((each) => {
    const end = bindingEnd(each);
    return [each.provider, each.from, ...(Number.isFinite(end) ? [new Date(end).toISOString()] : [])];
  });
const boundNow = (name: string): readonly string[] => providersAt(bench.parties.client(idOf(name))!, NOW);

describe('P34 the registry of an earlier build', () => {
  it('P5 binds from each approval on, and ends what the next one left out', async () => {
    expect(intervals('Approved')).toEqual([
      ['npi|1234567893', at('Approved', 1)],
      ['tin|123456789', at('Approved', 1), at('Approved', 2)],
      ['npi|1245319599', at('Approved', 2)],
    ]);
    expect(boundNow('Approved')).toEqual(['npi|1234567893', 'npi|1245319599']);
    expect(await shown('Approved')).toMatchObject({
      status: 'approved',
      bindings: [
        { npi: '1245319599', evidence: 'About 1245319599' },
        { tin: '123456789', evidence: 'W-9', reason: 'Contract 7' },
        { npi: '1234567893', evidence: 'About 1234567893', reason: 'Contract 7' },
      ],
    });
    expect(bench.parties.client(idOf('Approved'))!.scope).toBe('system/Patient.rs');
  });

  it('leaves a suspended app suspended, with the reason that was a text then', async () => {
    expect(await shown('Suspended')).toMatchObject({ status: 'suspended', reason: 'Its key was lost' });
    // An approval ends it at the suspension (P6). Until then nothing is decided by it.
    expect(intervals('Suspended')).toEqual([['npi|1679576722', at('Suspended', 1)]]);
  });

  it('P6 binds an app anew that was suspended and approved again', async () => {
    expect(intervals('Back')).toEqual([
      ['npi|1992999825', at('Back', 1), at('Back', 2)],
      ['npi|1992999825', at('Back', 3)],
    ]);
    expect(bench.parties.client(idOf('Back'))!.history.map(({ status, at: time }) => [status, time])).toEqual([
      ['approved', at('Back', 1)],
      ['suspended', at('Back', 2)],
      ['approved', at('Back', 3)],
    ]);
  });

  it('counts the approvals by which tokens are told apart', () => {
    const counted = ['Approved', 'Suspended', 'Back'].map((name) => approvals(bench.parties.client(idOf(name))!));
    expect(counted).toEqual([2, 1, 2]);
  });

  it('knows the signing key that goes on, and withdraws the other one for ever', async () => {
    const kids = ofType('pa.signing-key-published.v1').map((line) => dataOf<{ kid: string }>(line).kid);
    const withdrawn = dataOf<{ kid: string }>(ofType('pa.signing-key-withdrawn.v1')[0]!).kid;
    const [stays] = kids.filter((kid) => kid !== withdrawn);
    expect(kids).toHaveLength(2);
    expect(bench.parties.registry.signingKeys().map(({ kid }) => kid)).toContain(stays);
    expect(bench.parties.registry.signingKey(withdrawn)).toBeUndefined();
    expect(bench.parties.registry.withdrawnKey(withdrawn)).toBeDefined();
    const { body } = await bench.call('GET', '/auth/jwks');
    const published = (body['keys'] as { kid: string }[]).map(({ kid }) => kid);
    expect([published.includes(stays!), published.includes(withdrawn)]).toEqual([true, false]);
  });

  it('loses no record: each app is known, and its stream goes on behind the last version', async () => {
    expect(ofType('pa.app-registered.v1').map(({ key }) => key)).toEqual(
      expect.arrayContaining(['Approved', 'Suspended', 'Back'].map(idOf)),
    );
    for (const [name, version] of [
      ['Approved', 3],
      ['Suspended', 3],
      ['Back', 4],
    ] as const)
      expect(bench.parties.registry.version(`client/${idOf(name)}`)).toBe(version);
    expect((await bench.review(idOf('Back'), 'suspend')).status).toBe(200);
    expect(bench.parties.registry.version(`client/${idOf('Back')}`)).toBe(5);
    // P6: the last bindings begin anew, and the one of before the first suspension stays over.
    expect((await bench.decide(idOf('Back'), 'approve', { reason: 'Again', confirm: ['1992999825'] })).status).toBe(
      200,
    );
    expect(boundNow('Back')).toEqual(['npi|1992999825']);
    expect(intervals('Back')).toHaveLength(3);
    expect(
      (await bench.decide(idOf('Suspended'), 'approve', { reason: 'New key', confirm: ['1679576722'] })).status,
    ).toBe(200);
    expect(intervals('Suspended')).toEqual([
      ['npi|1679576722', at('Suspended', 1), at('Suspended', 2)],
      ['npi|1679576722', new Date(bench.clock.ms).toISOString()],
    ]);
  });
});
