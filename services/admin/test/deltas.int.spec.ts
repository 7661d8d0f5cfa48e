import { generateKeyPairSync } from 'node:crypto';
import { eventually } from '@provider-access/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RecordedOptions, RecordedServices } from './recorded-services.ts';

const NPI = '1234567893';
let n = 0;
const event = (type: string, subject: string, data: unknown, time = '2026-01-02T00:00:00Z') => ({
  specversion: '1.0',
  id: `e${++n}`,
  source: '/payer',
  type: `payer.${type}.v1`,
  time,
  subject,
  datacontenttype: 'application/json',
  data,
});
const patient = (member: string) =>
  event('resource-recorded', member, { resource: { resourceType: 'Patient', id: member, name: [{ family: 'Test' }] } });
const condition = (member: string, id: string) =>
  event('resource-recorded', member, {
    resource: {
      resourceType: 'Condition',
      id,
      subject: { reference: `Patient/${member}` },
      code: { text: 'asthma' },
      recordedDate: '2024-03-01',
      clinicalStatus: { coding: [{ code: 'active' }] },
    },
  });
const member = (id: string) => [
  event('member-enrolled', id, { coverageId: `c-${id}`, from: '2025-01-01' }),
  event('attribution-asserted', id, { provider: { npi: NPI }, from: '2025-01-01' }),
  patient(id),
];

interface Exported {
  readonly transactionTime: string;
  readonly output: readonly string[];
  readonly deleted: readonly string[];
}
type Ahead = NonNullable<RecordedOptions['ahead']>;

/** The services of a cluster in which every service has a clock of its own. */
class Cluster {
  readonly ahead: { -readonly [K in keyof Ahead]: Ahead[K] } = {};
  readonly house = new RecordedServices({ ahead: this.ahead, oneState: true });
  #client = '';
  #group = '';

  async start(): Promise<void> {
    const { house } = this;
    await house.start();
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES384', use: 'sig' };
    const registered = await house.call('auth', 'POST', '/auth/register', '', {
      client_name: 'An EHR',
      jwks: { keys: [jwk] },
      scope: 'system/*.rs',
      contacts: ['mailto:dev@app.example'],
      npi: NPI,
    });
    this.#client = (JSON.parse(registered.body) as { client_id: string }).client_id;
    await house.publish(
      event('network-status-changed', NPI, { npi: NPI, status: 'in-network', from: '2025-01-01' }),
      ...member('m1'),
      condition('m1', 'kept'),
      condition('m1', 'goes'),
      ...member('m2'),
      condition('m2', 'c2'),
      event('member-opted-out', 'm2', {}),
    );
    await eventually(
      async () => {
        const { status, body } = await house.call(
          'auth',
          'POST',
          `/auth/clients/${this.#client}/approve`,
          house.administrator,
          { identifiers: [{ npi: NPI, evidence: 'a test' }], confirm: [NPI] },
        );
        if (status !== 200) throw new Error(`${status} ${body}`);
        return true;
      },
      { what: 'the approval' },
    );
    const found = await eventually(
      async () => {
        const answer = await house.call(
          'attribution',
          'GET',
          `/fhir/Group?identifier=http://hl7.org/fhir/sid/us-npi|${NPI}`,
          await this.#token(),
        );
        const { entry } = JSON.parse(answer.body) as { entry?: { resource: { id: string } }[] };
        return entry?.[0]?.resource.id;
      },
      { what: 'the Group' },
    );
    this.#group = found!;
  }
  async #token(): Promise<string> {
    return (await this.house.tokens.issue(this.#client, 'system/*.rs', 1)).token;
  }

  async exported(since?: string): Promise<Exported> {
    const { house } = this;
    const query = since === undefined ? '' : `?_since=${encodeURIComponent(since)}`;
    const path = (url: string): string => url.replace('https://pa.example.org', '');
    // After its clock was moved, a service must confirm its facts again before it decides.
    const location = await eventually(
      async () => {
        const accepted = await house.call(
          'export',
          'GET',
          `/fhir/Group/${this.#group}/$export${query}`,
          await this.#token(),
          undefined,
          { prefer: 'respond-async', accept: 'application/fhir+json' },
        );
        if (accepted.status !== 202) throw new Error(`${accepted.status} ${accepted.body}`);
        return accepted.location!;
      },
      { what: 'the kick-off' },
    );
    const manifest = await eventually(
      async () => {
        const answer = await house.call('export', 'GET', path(location), await this.#token());
        if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`);
        return JSON.parse(answer.body) as {
          transactionTime: string;
          output: { url: string }[];
          deleted: { url: string }[];
        };
      },
      { what: 'the manifest' },
    );
    const lines = async (files: { url: string }[]): Promise<string[]> => {
      const all: string[] = [];
      for (const { url } of files) {
        const answer = await house.call('export', 'GET', path(url), await this.#token(), undefined, {
          'accept-encoding': 'identity',
        });
        if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`);
        all.push(...answer.body.trim().split('\n'));
      }
      return all;
    };
    const output = (await lines(manifest.output))
      .map((line) => JSON.parse(line) as { resourceType: string; id: string })
      .map((r) => `${r.resourceType}/${r.id}`);
    const deleted = (await lines(manifest.deleted)).flatMap((line) =>
      (JSON.parse(line) as { entry: { request: { url: string } }[] }).entry.map((e) => e.request.url),
    );
    return { transactionTime: manifest.transactionTime, output: output.toSorted(), deleted };
  }
  /** Ends and restores access to a member without a change of its resources. */
  async leaveAndReturn(): Promise<void> {
    const at = (secondsAgo: number): string => new Date(Date.now() - secondsAgo * 1000).toISOString();
    const status = (said: string, time: string) =>
      event('network-status-changed', NPI, { npi: NPI, status: said, from: time }, time);
    await this.house.publish(status('out-of-network', at(2)), status('in-network', at(1)));
  }
  /** Publishes a new resource, a delete and an opt-in, which a delta must contain. */
  async change(id: string): Promise<void> {
    const now = new Date(this.house.time('resources')).toISOString();
    await this.house.publish(
      condition('m1', id),
      event('resource-deleted', 'm1', { resourceType: 'Condition', id: 'goes' }, '2026-01-03T00:00:00Z'),
      event('member-opted-in', 'm2', {}, now),
    );
  }
}

describe('a delta from the transactionTime of the export before', () => {
  let cluster: Cluster;
  beforeEach(async () => {
    cluster = new Cluster();
    await cluster.start();
  });
  afterEach(() => cluster.house.stop());
  const BEFORE = ['Condition/goes', 'Condition/kept', 'Patient/m1'];
  const CHANGED = ['Condition/c2', 'Condition/new', 'Patient/m2'];

  it('has what intakes and a log stamped whose clocks are 30 seconds behind, and has it once', async () => {
    const first = await cluster.exported();
    expect(first.output).toEqual(BEFORE);
    Object.assign(cluster.ahead, {
      resources: -30_000,
      attribution: -30_000,
      consent: -30_000,
      log: -30_000,
    } satisfies Ahead);
    await cluster.change('new');
    const delta = await cluster.exported(first.transactionTime);
    expect(delta).toMatchObject({ output: CHANGED, deleted: ['Condition/goes'] });
    expect(await cluster.exported(delta.transactionTime)).toMatchObject({ output: [], deleted: [] });
  });

  it('has what was accepted after every clock had stepped back an hour', async () => {
    const first = await cluster.exported();
    const hour = -3_600_000;
    Object.assign(cluster.ahead, {
      resources: hour,
      attribution: hour,
      consent: hour,
      log: hour,
      export: hour,
      auth: hour,
    } satisfies Ahead);
    await cluster.change('new');
    // For this service's clock, the instant is in the future.
    expect(await cluster.exported(first.transactionTime)).toMatchObject({
      output: CHANGED,
      deleted: ['Condition/goes'],
    });
  });

  it.each([
    ['right', 0],
    ['30 seconds behind', -30_000],
  ])('has members whole whose provider left the network and came back, when clocks are %s', async (_how, ahead) => {
    const first = await cluster.exported();
    expect(first.output).toEqual(BEFORE);
    Object.assign(cluster.ahead, { resources: ahead, attribution: ahead, log: ahead } satisfies Ahead);
    await cluster.leaveAndReturn();
    const delta = await cluster.exported(first.transactionTime);
    expect(delta).toMatchObject({ output: BEFORE, deleted: [] });
    expect(await cluster.exported(delta.transactionTime)).toMatchObject({ output: [], deleted: [] });
  });
});
