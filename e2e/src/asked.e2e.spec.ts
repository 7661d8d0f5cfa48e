import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PlatformProcess } from '@provider-access/cli';
import { npiOf } from '@provider-access/synthetic';
import { type Fresh, freshPlatform, registerApp, type TestApp } from './harness.ts';
import { memberOf, publishTaken } from './payers.ts';
import { findGroup, http, optOut, payerEvent, sealed, takesEffect, texts } from './road.ts';
import { LIMITS } from './world/context.ts';

/** A provider asks for less than its whole Group (EXPORT.md, E1 to E49). */
describe('an export of what was asked for', () => {
  const npi = npiOf(randomInt(1e8));
  const suffix = randomInt(1e6);
  const [ANN, BOB] = [`ann-${suffix}`, `bob-${suffix}`];
  let fresh: Fresh;
  let platform: PlatformProcess;
  let app: TestApp;
  let token: string;
  let group: string;

  beforeAll(async () => {
    fresh = await freshPlatform({ env: LIMITS });
    platform = fresh.platform();
    const inNetwork = { npi, status: 'in-network', from: '2020-01-01' };
    await publishTaken(platform, payerEvent('payer.network-status-changed.v1', npi, inNetwork));
    app = await registerApp(platform, { name: 'Asks', npi });
    await publishTaken(platform, ...memberOf(ANN, { npi }), ...memberOf(BOB, { npi }));
    token = await app.tokens.get();
    group = (await findGroup(platform, token, npi)).id;
  });
  afterAll(() => fresh?.dispose());

  interface Asking {
    readonly operation?: string;
    readonly prefer?: string;
    readonly query?: string;
    readonly parameter?: readonly object[];
  }
  const ask = ({ operation = '$export', prefer = 'respond-async', query = '', parameter = [] }: Asking) =>
    http(`${platform.base}/fhir/Group/${group}/${operation}${query}`, {
      method: 'POST',
      token,
      headers: { accept: 'application/fhir+json', 'content-type': 'application/fhir+json', prefer },
      body: JSON.stringify({ resourceType: 'Parameters', parameter }),
    });
  /** The text of all files of the export. */
  async function given(asking: Asking): Promise<string> {
    const answer = await ask(asking);
    if (answer.status !== 202) throw new Error(`the kick-off was answered ${answer.status}: ${String(answer.body)}`);
    const manifest = await sealed(String(answer.headers['content-location']), token);
    return [...(await texts(manifest, token)).values()].join('');
  }
  const patient = (id: string): object => ({ name: 'patient', valueReference: { reference: `Patient/${id}` } });

  test('E1: a restriction that the server cannot apply is refused, with handling=lenient too', async () => {
    const prefer = 'respond-async, handling=lenient';
    for (const query of [`?patient=Patient/${ANN}`, '?_colour=red']) {
      const answer = await ask({ query, prefer });
      expect([answer.status, String(answer.body)]).toEqual([400, expect.stringMatching(/patient|_colour/)]);
    }
  });

  test('E48, E60: gives one patient after the other, and tells the status in a header', async () => {
    const prefer = 'respond-async, separate-export-status';
    const parameter = [{ name: 'organizeOutputBy', valueString: 'Patient' }];
    const answer = await ask({ prefer, parameter });
    expect([answer.status, answer.headers['preference-applied']]).toEqual([202, prefer]);
    const job = String(answer.headers['content-location']);
    await expect.poll(async () => (await http(job, { token })).headers['x-export-status']).toBe('200 OK');
    const manifest = await sealed(job, token);
    expect(manifest).toMatchObject({ outputOrganizedBy: 'Patient' });
    const lines = [...(await texts(manifest, token)).values()].join('').trim().split('\n');
    const read = lines.map((line) => JSON.parse(line) as { resourceType: string; id?: string });
    const headers = read.flatMap(({ resourceType }, at) => (resourceType === 'Parameters' ? [at] : []));
    expect(headers.map((at) => JSON.stringify(read[at])).toSorted()).toEqual([
      expect.stringContaining(`"Patient/${ANN}"`),
      expect.stringContaining(`"Patient/${BOB}"`),
    ]);
    for (const at of headers) expect(JSON.stringify(read[at])).toContain(`"Patient/${read[at + 1]!.id}"`);
  });

  test('E10, E12: gives one patient and nobody else, and never says why another one is not there', async () => {
    const one = await given({ parameter: [patient(ANN)] });
    expect(one).toContain(ANN);
    expect(one).not.toContain(BOB);
    await takesEffect(platform, optOut(BOB));
    const operation = '$davinci-data-export';
    expect(await given({ operation, parameter: [patient(BOB)] })).toBe('');
    expect(await given({ operation, parameter: [patient('nobody'), patient(ANN)] })).toBe(one);
    const [optedOut, unknown] = await Promise.all(
      [BOB, `nob-${suffix}`].map((id) => ask({ parameter: [patient(id)] })),
    );
    expect([optedOut!.status, String(optedOut!.body).replace(BOB, 'X')]).toEqual([
      400,
      String(unknown!.body).replace(`nob-${suffix}`, 'X'),
    ]);
  });

  test('E20, E30: gives what a search finds, cut to some elements', async () => {
    const parameter = [
      { name: '_type', valueString: 'Patient' },
      { name: '_typeFilter', valueString: `Patient?_id=${ANN}` },
      { name: '_elements', valueString: 'Patient.birthDate' },
    ];
    const text = await given({ parameter });
    expect(JSON.parse(text)).toMatchObject({ id: ANN, meta: { tag: [{ code: 'SUBSETTED' }] } });
    expect(text).not.toContain('Example');
    const none = { name: '_typeFilter', valueString: `Patient?family=Nobody` };
    expect(await given({ parameter: [parameter[0]!, none] })).toBe('');
    const query = `?_type=Patient&_typeFilter=${encodeURIComponent('Patient?family=Exa&_sort=family')}`;
    expect([(await ask({ query })).status, (await ask({ query, prefer: 'handling=lenient' })).status]).toEqual([
      400, 400,
    ]);
  });
});
