import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ownerOf, type FhirResource } from '@provider-access/fhir';
import { redact } from '@provider-access/domain/pdex';
import { syntheticPayer } from '@provider-access/synthetic';
import { readAs, verifyExport, type Verification } from './verify.ts';

const payer = syntheticPayer({ seed: 'verify', members: 8, asOf: '2026-01-31T00:00:00.000Z' });
/** The organization with the most visible resources, and a member of another one. */
const organization = payer.providerOrganizations
  .map((o) => ({ npi: o.npi, members: [...payer.ledger.visibleMembers(o.npi)] }))
  .sort((a, b) => b.members.length - a.members.length)[0]!;
const { npi, members } = organization;

let dir: string;
beforeAll(() => void (dir = mkdtempSync(join(tmpdir(), 'pa-verify-'))));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The resources that a correct platform exports, in the exported form. */
function correct(): FhirResource[] {
  const supporting = new Set(members.flatMap((m) => [...m.supporting]));
  const shared = new Map<string, FhirResource>();
  for (const event of payer.events()) {
    const { resource } = event.data as { resource?: FhirResource };
    if (resource !== undefined && supporting.has(`${resource.resourceType}/${resource.id}`))
      shared.set(`${resource.resourceType}/${resource.id}`, resource);
  }
  const own = members
    .flatMap((m) => [...m.resources].map(([, held]) => held.resource as FhirResource))
    .filter((r) => !(shared.has(`${r.resourceType}/${r.id}`) && ownerOf(r).kind === 'none'));
  return [...own, ...shared.values()].map((r) => ({ ...redact(r).resource, meta: { versionId: '1' } }));
}

async function verify(
  resources: readonly FhirResource[],
  leftOut: readonly string[] = [],
  files: readonly { kind: string; type: string; file: string }[] = [],
): Promise<Verification> {
  const written = [...Map.groupBy(resources, (r) => r.resourceType)].map(([type, list]) => {
    const file = join(dir, `${type}.ndjson.gz`);
    writeFileSync(file, gzipSync(list.map((r) => `${JSON.stringify(r)}\n`).join('')));
    return { kind: 'output', type, file };
  });
  return verifyExport([...written, ...files], payer, npi, new Set(leftOut));
}
const about = (r: FhirResource): string => `${r.resourceType}/${r.id}`;

test('a correct export has no fault', async () => {
  expect(members.length).toBeGreaterThan(1);
  const v = await verify(correct());
  expect(v).toMatchObject({
    faults: [],
    faultCount: 0,
    moneyElements: 0,
    optedOutFound: 0,
    membersExpected: members.length,
    membersFound: members.length,
  });
  expect(v.resourcesFound).toBe(v.resourcesExpected);
  expect(v.resourcesFound).toBeGreaterThan(100);
});

const claims = (all: FhirResource[]): FhirResource => all.find((r) => r.resourceType === 'ExplanationOfBenefit')!;
test.each<[string, (all: FhirResource[]) => { resources: FhirResource[]; fault: RegExp }]>([
  [
    'a missing line',
    (all) => ({
      resources: all.filter((r) => r !== claims(all)),
      fault: new RegExp(`${about(claims(all))} is missing`),
    }),
  ],
  [
    'a doubled line',
    (all) => ({ resources: [...all, claims(all)], fault: new RegExp(`${about(claims(all))} comes twice`) }),
  ],
  [
    'an older version',
    (all) => ({
      resources: all.map((r) => (r === claims(all) ? { ...r, status: 'draft' } : r)),
      fault: /is not the version or content/,
    }),
  ],
  [
    'money',
    (all) => ({
      resources: all.map((r) => (r === claims(all) ? { ...r, total: [{ amount: { value: 1, currency: 'USD' } }] } : r)),
      fault: /holds money at/,
    }),
  ],
  [
    "somebody else's",
    (all) => ({
      resources: [...all, { resourceType: 'Condition', id: 'c-other', subject: { reference: 'Patient/m-other' } }],
      fault: /Condition\/c-other should not be there/,
    }),
  ],
  [
    'a whole member too few',
    (all) => ({
      resources: all.filter((r) => r.resourceType !== 'Patient'),
      fault: new RegExp(`Patient/${members[0]!.member} is missing`),
    }),
  ],
  [
    'a directory entry too few',
    (all) => ({
      resources: all.filter((r) => r.resourceType !== 'Practitioner'),
      fault: /Practitioner\/\S+ is referred to and missing/,
    }),
  ],
  [
    'a directory entry twice',
    (all) => ({
      resources: [...all, all.find((r) => r.resourceType === 'Practitioner')!],
      fault: /Practitioner\/\S+ comes twice/,
    }),
  ],
])('%s is a fault', async (_what, tamper) => {
  const { resources, fault } = tamper(correct());
  const v = await verify(resources);
  expect(v.faultCount).toBeGreaterThan(0);
  expect(v.faults.join('\n')).toMatch(fault);
});

const MONEY = { extension: [{ url: 'http://x/price', valueMoney: { value: 1, currency: 'USD' } }] };
test.each<[string, (all: readonly FhirResource[]) => FhirResource[]]>([
  ['in meta', (all) => all.map((r) => (r === all[1] ? { ...r, meta: MONEY } : r))],
  ['in the first of two lines', (all) => [{ ...all[1]!, ...MONEY }, ...all]],
  ['in the second of two lines', (all) => [...all, { ...all[1]!, ...MONEY }]],
  ['of a resource that should not be there', (all) => [...all, { resourceType: 'Condition', id: 'other', ...MONEY }]],
  ['of a shared resource', (all) => all.map((r) => (r.resourceType === 'Practitioner' ? { ...r, ...MONEY } : r))],
  ['of a line in another order', (all) => all.map((r) => (r === all[1] ? { ...MONEY, ...r } : r))],
])('money %s is found', async (_where, tamper) => {
  const { moneyElements, faults } = await verify(tamper(correct()));
  expect(moneyElements).toBeGreaterThan(0);
  expect(faults.join('\n')).toMatch(/holds money at (meta\.)?extension/);
});

test('a resource in a file of another type is a fault', async () => {
  const file = join(dir, 'other.ndjson.gz');
  const [first, ...others] = correct();
  writeFileSync(file, gzipSync(`${JSON.stringify(first)}\n`));
  const { faults } = await verify(others, [], [{ kind: 'output', type: 'Goal', file }]);
  expect(faults).toEqual([`${about(first!)} is in a file of Goal`]);
});

test('a line that names its id twice is another resource', async () => {
  const file = join(dir, 'twice.ndjson.gz');
  const all = correct();
  const claim = all.find((r) => r.resourceType === 'ExplanationOfBenefit')!;
  writeFileSync(file, gzipSync(`${JSON.stringify(claim).slice(0, -1)},"id":"other"}\n`));
  const others = all.filter((r) => r !== claim);
  const { faultCount } = await verify(others, [], [{ kind: 'output', type: claim.resourceType, file }]);
  expect(faultCount).toBeGreaterThan(0);
});

test('anything of a member who opted out is a fault, and so are error files', async () => {
  const [leaver] = members;
  const v = await verify(correct(), [leaver!.member]);
  expect(v.optedOutFound).toBeGreaterThan(10);
  expect(v.faults[0]).toMatch(/of a member who opted out/);
  expect(v.faults).toHaveLength(20);
  const file = join(dir, 'error.ndjson.gz');
  writeFileSync(file, gzipSync('{"resourceType":"OperationOutcome"}\n'));
  expect((await verify(correct(), [], [{ kind: 'error', type: 'OperationOutcome', file }])).faults).toEqual([
    'the manifest has an error file of OperationOutcome',
  ]);
});

test('counts all faults, and lists the first', async () => {
  const v = await verify([]);
  expect(v.faults).toHaveLength(20);
  expect(v.faultCount).toBeGreaterThan(v.resourcesExpected);
});

test('a resource of a member who had opted out before is counted', async () => {
  // One of 50 members opts out; every fourth of those returns.
  const large = syntheticPayer({ seed: 'verify', members: 100, asOf: '2026-01-31T00:00:00.000Z' });
  const out = [...large.ledger.members()].find((m) => m.optedOut && m.attributedTo.length > 0)!;
  const file = join(dir, 'former.ndjson.gz');
  writeFileSync(file, gzipSync(`${JSON.stringify({ resourceType: 'Patient', id: out.member })}\n`));
  const files = [{ kind: 'output', type: 'Patient', file }];
  const { formerOptOuts } = await verifyExport(files, large, out.attributedTo[0]!, new Set());
  expect(formerOptOuts.found).toBe(1);
  expect(formerOptOuts.members).toBeGreaterThan(0);
});

test('the check asks the ledger once for the members whom the provider may see, and for nothing larger', async () => {
  const { ledger } = payer;
  const names = ['members', 'visibleMembers', 'member', 'summary', 'expectedForProvider'] as const;
  const spies = names.map((name) => vi.spyOn(ledger, name));
  await verify([]);
  expect(spies.map((spy) => spy.mock.calls.length)).toEqual([0, 1, 0, 0, 0]);
  vi.restoreAllMocks();
});

test.each<[string, boolean, string]>([
  [
    'the platform wrote other meta',
    true,
    '{"resourceType":"Goal","id":"g","meta":{"versionId":"2"},"note":[{"text":"a"}]}',
  ],
  ['elements stand in another order', true, '{"id":"g","note":[{"text":"a"}],"resourceType":"Goal","meta":{}}'],
  ['there is no meta', true, '{"resourceType":"Goal","id":"g","note":[{"text":"a"}]}'],
  ['a text is another one', false, '{"resourceType":"Goal","id":"g","meta":{},"note":[{"text":"b"}]}'],
  ['an element is missing', false, '{"resourceType":"Goal","id":"g","meta":{}}'],
  [
    'an element comes before meta',
    false,
    '{"resourceType":"Goal","id":"g","language":"en","meta":{},"note":[{"text":"a"}]}',
  ],
  [
    'an element comes after meta',
    false,
    '{"resourceType":"Goal","id":"g","meta":{},"language":"en","note":[{"text":"a"}]}',
  ],
])('a line has the content of a resource: %s: %s', (_what, same, line) => {
  const sent = { resourceType: 'Goal', id: 'g', meta: { lastUpdated: '2026-01-01T00:00:00Z' }, note: [{ text: 'a' }] };
  expect(readAs(line, sent).same).toBe(same);
});

test('a second meta inside the resource is content', () => {
  const sent = { resourceType: 'Goal', id: 'g', meta: {}, contained: [{ resourceType: 'Patient', meta: null }] };
  const line = '{"resourceType":"Goal","id":"g","meta":{},"contained":[{"resourceType":"Patient","meta":7}]}';
  expect(readAs(line, sent).same).toBe(false);
});
