import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshPlatform, registerApp, type TestApp } from './harness.ts';
import { http, type HttpAnswer, optOut, payerEvent, publishAll, takesEffect } from './road.ts';
import { LIMITS } from './world/context.ts';

const [NPI, OTHER] = ['1234567893', '1245319599'];
const OBSERVATIONS = 4_000;
/** Rounds of the honest client while the other one attacks. */
const ROUNDS = 10;
/** Searches of the attacker that wait or are in work at each moment. */
const ATTACKS = 90;

let fresh: Awaited<ReturnType<typeof freshPlatform>>;
let base: string;
let attacker: TestApp;
let honest: TestApp;

function* member(id: string, npi: string, observations: number): Generator<ReturnType<typeof payerEvent>> {
  const recorded = (resource: object) => payerEvent('payer.resource-recorded.v1', id, { resource });
  const reference = `Patient/${id}`;
  yield recorded({ resourceType: 'Patient', id, name: [{ family: `family-${id}` }] });
  yield recorded({
    resourceType: 'Coverage',
    id: `${id}-cov`,
    status: 'active',
    period: { start: '2020-01-01' },
    beneficiary: { reference },
    payor: [{ reference: 'Organization/payer' }],
  });
  yield payerEvent('payer.attribution-asserted.v1', id, { provider: { npi }, from: '2020-01-01' });
  for (let i = 0; i < observations; i++)
    yield recorded({
      resourceType: 'Observation',
      id: `${id}-o${i}`,
      status: 'final',
      code: { coding: [{ system: 'http://loinc.org', code: '1-8' }] },
      subject: { reference },
      effectiveDateTime: '2024-01-01',
    });
}

beforeAll(async () => {
  fresh = await freshPlatform({ env: LIMITS });
  ({ base } = fresh.platform());
  const network = [NPI, OTHER].map((npi) =>
    payerEvent('payer.network-status-changed.v1', npi, { npi, status: 'in-network', from: '2020-01-01' }),
  );
  await publishAll(fresh.platform(), [
    ...network,
    ...member('large', NPI, OBSERVATIONS),
    ...member('other', OTHER, 20),
    ...member('leaves', OTHER, 1),
  ]);
  attacker = await registerApp(fresh.platform(), { name: 'Attacker', npi: NPI });
  honest = await registerApp(fresh.platform(), { name: 'Honest', npi: OTHER });
}, 600_000);
afterAll(() => fresh?.dispose());

const form = async (app: TestApp, body: string): Promise<HttpAnswer> =>
  http(`${base}/fhir/Observation/_search`, {
    method: 'POST',
    token: await app.tokens.get(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body,
  });
const repeated = `patient=large&_total=accurate&${Array(990).fill('date=ne2001').join('&')}`;
const dates = (number: number): string => Array.from({ length: number }, (_, i) => `date=ne${1000 + i}`).join('&');
const different = `patient=large&_total=accurate&${dates(990)}`;
/** 40 conditions for 4,000 resources are below the budget. */
const allowed = `patient=large&_total=accurate&${dates(40)}`;

// N1
test('16 searches of one client at a time are all answered', async () => {
  const answers = await Promise.all(Array.from({ length: 16 }, () => form(attacker, allowed)));
  expect(answers.map(({ status }) => status)).toEqual(Array(16).fill(200));
  for (const { body } of answers) expect(JSON.parse(body.toString('utf8'))).toMatchObject({ total: OBSERVATIONS });
});

// N1
test('a client with costly searches without a pause keeps nobody from an answer', async () => {
  let isOver = false;
  const statuses: number[] = [];
  const attack = async (body: string): Promise<void> => {
    while (!isOver) statuses.push((await form(attacker, body)).status);
  };
  const worked = (): number => statuses.filter((status) => status !== 429).length;
  /** The honest client waits for a few of the attacker's searches, and not for all that were there before. */
  const waited: number[] = [];
  const asked = async (path: string, token?: string): Promise<HttpAnswer> => {
    const before = worked();
    const answer = await http(base + path, token === undefined ? {} : { token });
    waited.push(worked() - before);
    return answer;
  };
  const bodies = [repeated, different, allowed];
  const attacks = Array.from({ length: ATTACKS }, (_, i) => attack(bodies[i % bodies.length]!));
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const token = await honest.tokens.get();
      const found = await asked('/fhir/Observation?patient=other&date=ge2023&_total=accurate', token);
      expect([found.status, JSON.parse(found.body.toString('utf8')).total]).toEqual([200, 20]);
      expect((await asked('/fhir/Patient/other', token)).status).toBe(200);
      expect((await asked('/health/live')).status).toBe(200);
      if (round === 0) await takesEffect(fresh.platform(), optOut('leaves'));
      expect((await asked('/fhir/Patient/leaves', token)).status).toBe(404);
    }
  } finally {
    isOver = true;
    await Promise.all(attacks);
  }
  expect(new Set(statuses)).toEqual(new Set([200, 400, 429]));
  expect(Math.max(...waited), `searches of the attacker: ${waited.join()}`).toBeLessThan(ATTACKS / 2);
}, 600_000);
