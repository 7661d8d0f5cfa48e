import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeEvent, PA_RECORDS } from '@provider-access/events';
import { ProjectionSet } from '@provider-access/engines/views';
import { recordId, records } from '@provider-access/records';
import { instant } from '@provider-access/kernel';
import { Harness, inNetwork, NPI, panel } from '../test/harness.ts';
import { onlyGroup } from '../test/groups.ts';

type Managed = { readonly managingEntity?: { readonly reference?: string } };
const PAYER = 'Organization/payer';
const READS_ALL = 'system/*.rs';

let h: Harness;
let views: ProjectionSet;
const start = async (...[config]: Parameters<Harness['start']>): Promise<void> => {
  h = new Harness();
  // The views of resources, which attribution reads.
  views = new ProjectionSet({ log: h.log, views: h.views, projections: [records] });
  await views.start();
  await h.start(config);
  await h.publish(inNetwork(), ...panel('m1'));
};
afterEach(async () => {
  await views.stop();
  await h.stop();
});

/** What resources publishes when the payer publishes its Organization, or deletes it. */
async function organization(
  type: 'pa.record-accepted.v1' | 'pa.record-deleted.v1',
  version = 1,
  labels: readonly string[] = [],
): Promise<void> {
  const at = instant(h.now);
  const id = PAYER.split('/')[1]!;
  const data = {
    ...{
      member: 'shared',
      type: 'Organization',
      id,
      versionId: version,
      lastUpdated: at,
      businessTime: at,
      sequence: 0,
    },
    ...(type === 'pa.record-accepted.v1'
      ? {
          ...{ contentHash: 'x', references: [], tokens: [], labels },
          line: JSON.stringify({ resourceType: 'Organization', id }),
        }
      : { reason: 'deleted' }),
  };
  const event = { id: `r${version}`, source: 'urn:test', type, time: at, subject: 'shared', data };
  await h.log.append(PA_RECORDS, [encodeEvent(event, { key: recordId('shared', 'Organization', id) })]);
  if (!(await h.views.reader(records).waitFor(await h.log.head([PA_RECORDS]), 60_000)))
    throw new Error('the view did not pass the record');
}

describe('managingEntity', () => {
  const named = {
    payerIdentifiers: ['Organization/our-plan', 'urn:oid:2.16.840.1.113883.6.300|12345'],
    payerName: 'Example Health Plan',
  };
  const identifier = { system: 'urn:oid:2.16.840.1.113883.6.300', value: '12345' };
  const seenBy = async (client: string, scope: string): Promise<unknown> => {
    const group = (await onlyGroup(h, await h.app1(client, [`npi|${NPI}`], scope))) as Managed;
    return group.managingEntity;
  };

  it('refers to the Organization of the payer while a client can read it', async () => {
    await start(named);
    await organization('pa.record-accepted.v1');
    expect(await seenBy('c1', READS_ALL)).toEqual({ reference: PAYER, identifier, display: named.payerName });
    expect(await seenBy('c2', 'system/Group.rs system/Organization.s')).toEqual({
      identifier,
      display: named.payerName,
    });
    await organization('pa.record-deleted.v1', 2);
    expect(await seenBy('c3', READS_ALL)).toEqual({ identifier, display: named.payerName });
  });

  it('is an identifier while a label withholds the Organization of the payer', async () => {
    await start(named);
    await organization('pa.record-accepted.v1', 1, ['http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R']);
    expect(await seenBy('c1', READS_ALL)).toEqual({ identifier, display: named.payerName });
  });

  it('is an identifier while the payer has not published its Organization', async () => {
    await start({ payerIdentifiers: named.payerIdentifiers });
    expect(await seenBy('c1', READS_ALL)).toEqual({ identifier });
  });

  it('is a data-absent-reason when nothing resolves and nothing names the payer, because PDex demands it', async () => {
    await start();
    expect(await seenBy('c1', READS_ALL)).toEqual({
      extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'unknown' }],
    });
  });
});

describe('the format of a Group', () => {
  let app: { authorization: string };
  let paths: readonly string[];
  beforeEach(async () => {
    await start();
    app = await h.app1('c1', [`npi|${NPI}`]);
    const { id, meta } = await onlyGroup(h, app);
    const group = `/fhir/Group/${id}`;
    paths = [`${group}?`, `${group}/_history?`, `${group}/_history/${Date.parse(meta.lastUpdated)}?`, '/fhir/Group?'];
  });

  it.each([
    ['application/fhir+json', '', 200],
    ['application/fhir+xml', '', 406],
    ['text/html', '_format=json', 200],
    ['application/fhir+xml', '_format=application/fhir+json', 200],
    ['application/fhir+xml', '_format=application%2Ffhir%2Bjson', 200],
    ['application/fhir+json', '_format=xml', 406],
    ['application/fhir+json', '_format=', 406],
    ['application/fhir+json;q=0', '', 406],
    ['text/html', '_format=json&_format=json', 200],
    ['text/html', '_format=json&_format=xml', 406],
    ['text/html', '_format=application/fhir%2Bjson;charset=utf-8', 200],
    ['application/fhir+json', '_pretty=true', 200],
  ])('with Accept %s and %s: %d', async (accept, query, status) => {
    for (const path of paths) {
      const answer = await h.get(path + query, { ...app, accept });
      expect([answer.statusCode, answer.headers['content-type']]).toEqual([
        status,
        'application/fhir+json; charset=utf-8',
      ]);
    }
  });
});
