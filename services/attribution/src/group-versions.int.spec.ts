import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { Facts } from '@provider-access/facts';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { instant } from '@provider-access/kernel';
import { cases } from '@provider-access/testing/variant';
import { ADMIN, attributed, enrolled, Harness, inNetwork, NPI, OTHER_NPI, panel, payerEvent } from '../test/harness.ts';
import { type BundleJson, find, type GroupJson, onlyGroup } from '../test/groups.ts';

const MEMBERS = ['m1', 'm2', 'm3'];
const HOUR = 3_600_000;
/** The second client is bound to another provider too, so an opt-out from that provider changes its Group alone. */
const CLIENTS: Readonly<Record<string, string>> = {
  c1: `npi|${NPI}`,
  c2: `npi|${OTHER_NPI}`,
};

interface Versioned {
  readonly version: number;
  readonly content: string;
}

/** A Group without what says its version: the content that the version stands for. */
function versioned(group: GroupJson, name: 'read' | 'summary' = 'read'): Versioned {
  const { meta, characteristic, ...rest } = group as unknown as {
    readonly meta: { readonly versionId: string; readonly lastUpdated: string };
    readonly characteristic: readonly { readonly period: { readonly start: string } }[];
  };
  const version = Date.parse(meta.lastUpdated);
  expect(meta.versionId).toBe(String(version));
  expect(characteristic[0]!.period.start, name).toBe(meta.lastUpdated.slice(0, 10));
  return { version, content: JSON.stringify(rest) };
}

type Step =
  | { readonly does: 'opt-out'; readonly member: string; readonly of: 'everybody' | 'the other provider' }
  | { readonly does: 'opt-in' | 'enrol' | 'terminate' | 'attribute' | 'merge'; readonly member: string }
  | { readonly does: 'end'; readonly member: string; readonly inHours: number }
  | { readonly does: 'hold' | 'release'; readonly member: string }
  | { readonly does: 'wait'; readonly hours: number }
  | { readonly does: 'network'; readonly status: 'in-network' | 'out-of-network' }
  | { readonly does: 'rebuild'; readonly view: string }
  | { readonly does: 'something about others' | 'restart' | 'nothing' };
const member = fc.constantFrom(...MEMBERS);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ does: fc.constant('opt-out' as const), member, of: fc.constantFrom('everybody', 'the other provider') }),
  fc.record({ does: fc.constantFrom('opt-in', 'enrol', 'terminate', 'attribute'), member }),
  fc.record({ does: fc.constant('end' as const), member, inHours: fc.constantFrom(0, 1, 30) }),
  fc.record({ does: fc.constantFrom('hold', 'release'), member }),
  fc.record({ does: fc.constant('wait' as const), hours: fc.constantFrom(0, 1, 24, 48) }),
  fc.record({ does: fc.constant('network' as const), status: fc.constantFrom('in-network', 'out-of-network') }),
  fc.record({ does: fc.constant('rebuild' as const), view: fc.constantFrom('members', 'memberships', 'groups') }),
  fc.record({ does: fc.constantFrom('something about others', 'restart', 'nothing') }),
) as fc.Arbitrary<Step>;

/** Reaches each branch, whatever the seed is. */
const EVERYTHING: Step[] = [
  { does: 'opt-out', member: 'm1', of: 'the other provider' },
  { does: 'rebuild', view: 'members' },
  { does: 'end', member: 'm2', inHours: 1 },
  { does: 'wait', hours: 24 },
  { does: 'network', status: 'out-of-network' },
  { does: 'restart' },
  { does: 'network', status: 'in-network' },
  { does: 'terminate', member: 'm3' },
  { does: 'enrol', member: 'm3' },
];

/** Two processes, two clients and one Group with members. */
class World {
  h = new Harness();
  #other!: Harness['app'];
  #group = '';
  #asked = 0;
  #holds = 0;

  async start(): Promise<this> {
    await this.h.start();
    this.#other = await this.h.another();
    await this.h.publish(
      inNetwork(),
      inNetwork(OTHER_NPI),
      ...MEMBERS.flatMap((m) => [enrolled(m), attributed(m)]),
      enrolled('stranger'),
    );
    await this.h.app1('c1', [CLIENTS['c1'] as 'npi|1']);
    await this.h.app1('c2', [CLIENTS['c1'] as 'npi|1', CLIENTS['c2'] as 'npi|1']);
    this.#group = (await onlyGroup(this.h, await this.h.token('c1'))).id;
    return this;
  }
  async stop(): Promise<void> {
    await this.#other.close();
    await this.h.stop();
  }

  async take(taken: Step): Promise<void> {
    const { h } = this;
    // Each statement has its own time, so that none ties with another.
    await h.advance(1);
    const now = instant(h.now);
    switch (taken.does) {
      case 'opt-out':
        return h.consentSays('pa.opted-out.v1', taken.member, {
          ...(taken.of === 'everybody'
            ? { scope: 'global' }
            : { scope: 'provider-specific', targets: [`npi|${OTHER_NPI}`] }),
          ...{ effective: now, businessTime: now, setBy: 'member' },
        });
      case 'opt-in':
        return h.consentSays('pa.opted-in.v1', taken.member, { effective: now, businessTime: now, setBy: 'member' });
      case 'enrol':
        return h.publish(payerEvent('payer.member-enrolled.v1', taken.member, { ...this.#coverage(taken), from: now }));
      case 'terminate':
        return h.publish(payerEvent('payer.member-terminated.v1', taken.member, { ...this.#coverage(taken), to: now }));
      case 'attribute':
        return h.publish(payerEvent('payer.attribution-asserted.v1', taken.member, { ...OF_GROUP, from: now }));
      case 'end': {
        const to = instant(h.now + taken.inHours * HOUR);
        return h.publish(payerEvent('payer.attribution-ended.v1', taken.member, { ...OF_GROUP, to }));
      }
      case 'hold':
      case 'release': {
        const deadLetter = taken.does === 'hold' ? `d${++this.#holds}` : `d${this.#holds}`;
        const about = { source: 'urn:payer', deadLetter, eventType: 'payer.member-opted-out.v1' };
        return h.consentSays(`pa.access-${taken.does === 'hold' ? 'held' : 'released'}.v1`, taken.member, about);
      }
      case 'wait':
        return h.advance(taken.hours * HOUR);
      case 'network':
        return h.publish(
          payerEvent('payer.network-status-changed.v1', NPI, { npi: NPI, status: taken.status, from: now }),
        );
      case 'rebuild': {
        const url = `/ops/views/attribution/${taken.view}/rebuild`;
        const answer = await h.app.inject({ method: 'POST', url, headers: { authorization: `Bearer ${ADMIN}` } });
        expect(answer.statusCode, answer.body).toBe(200);
        return;
      }
      case 'something about others':
        return h.publish(attributed('stranger', OTHER_NPI));
      case 'restart':
        await this.#other.close();
        this.#other = await h.another();
        return;
      case 'nothing':
    }
  }
  readonly #coverage = ({ member: m }: { readonly member: string }) => ({ coverageId: `cov-${m}` });

  /** What a client sees now: read, search and summary, in turn from both processes. Undefined without the Group. */
  async seenBy(client: string): Promise<Versioned | undefined> {
    const headers = await this.h.token(client);
    const app = [this.h.app, this.#other][this.#asked++ % 2]!;
    const { parties, freshness } = app.get(Facts);
    await parties.waitFor(
      await this.h.log.head(['pa.registry', 'pa.providers', 'pa.attribution', 'pa.consent']),
      60_000,
    );
    await this.h.settle();
    await freshness.poll();
    const get = (url: string) => app.inject({ method: 'GET', url, headers });
    const read = await get(`/fhir/Group/${this.#group}`);
    if (read.statusCode === 404) return undefined;
    expect(read.statusCode, read.body).toBe(200);
    const seen = versioned(read.json<GroupJson>());
    const tag = `W/"${seen.version}"`;
    expect(read.headers).toMatchObject({ etag: tag, 'last-modified': new Date(seen.version).toUTCString() });
    const inBundle = (await get(`/fhir/Group?_id=${this.#group}`)).json<BundleJson>().entry![0]!.resource;
    expect(versioned(inBundle)).toEqual(seen);
    const summary = (await get(`/fhir/Group/${this.#group}?_summary=true`)).json<GroupJson>();
    expect(versioned(summary, 'summary').version).toBe(seen.version);
    const again = await app.inject({
      method: 'GET',
      url: `/fhir/Group/${this.#group}`,
      headers: { ...headers, 'if-none-match': tag },
    });
    expect([again.statusCode, again.body, again.headers['etag']]).toEqual([304, '', tag]);
    return seen;
  }
}
const OF_GROUP = { provider: { npi: NPI } };

/** ADR 0042. */
describe('the version of a Group', () => {
  it('changes exactly when what the client sees changes, and never goes back', { timeout: 600_000 }, async () => {
    const tally = { changed: 0, same: 0, gone: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 10 }), async (steps) => {
        const world = await new World().start();
        try {
          const before = new Map<string, Versioned>();
          const contents = new Map<string, string>();
          for (const taken of [{ does: 'nothing' } as const, ...steps]) {
            await world.take(taken);
            for (const client of Object.keys(CLIENTS)) {
              const seen = await world.seenBy(client);
              const last = before.get(client);
              if (seen === undefined) {
                tally.gone++;
                continue;
              }
              if (last !== undefined) {
                expect(seen.version === last.version, taken.does).toBe(seen.content === last.content);
                expect(seen.version).toBeGreaterThanOrEqual(last.version);
                tally[seen.content === last.content ? 'same' : 'changed']++;
              }
              before.set(client, seen);
              // No version ever stands for two contents.
              const name = `${client} ${seen.version}`;
              expect(contents.get(name) ?? seen.content).toBe(seen.content);
              contents.set(name, seen.content);
            }
          }
        } finally {
          await world.stop();
        }
      }),
      { numRuns: cases(12), examples: [[EVERYTHING]] },
    );
    for (const count of Object.values(tally)) expect(count, JSON.stringify(tally)).toBeGreaterThan(0);
  });

  let h: Harness;
  afterEach(() => h?.stop());
  const optOut = (m: string): Promise<void> => {
    const at = instant(h.now);
    return h.consentSays('pa.opted-out.v1', m, { scope: 'global', effective: at, businessTime: at, setBy: 'member' });
  };

  it('is what a client looks for by _lastUpdated after somebody left the list', async () => {
    h = await new Harness().start();
    await h.publish(inNetwork(), ...panel('m1', 'm2'));
    await h.app1('c1', [`npi|${NPI}`]);
    const { lastUpdated } = (await onlyGroup(h, await h.token('c1'))).meta;
    const changed = async (): Promise<number> =>
      (await find(h, await h.token('c1'), `?_summary=true&_lastUpdated=gt${lastUpdated}`)).total;
    await h.advance(24 * HOUR);
    expect(await changed()).toBe(0);
    await optOut('m2');
    expect(await changed()).toBe(1);
    expect(versioned(await onlyGroup(h, await h.token('c1'))).version).toBe(h.now);
  });

  it('begins at the present time when the state store was lost, so that it does not go back', async () => {
    h = await new Harness().start();
    await h.publish(inNetwork(), ...panel('m1'));
    await h.app1('c1', [`npi|${NPI}`]);
    const before = versioned(await onlyGroup(h, await h.token('c1')));
    await h.advance(HOUR);
    const lost = openMemoryState({ log: h.log, now: () => h.now });
    const other = await h.another({}, { ...h.ports, state: lost });
    const { parties, freshness } = other.get(Facts);
    await parties.waitFor(await h.log.head(['pa.registry', 'pa.providers', 'pa.attribution', 'pa.consent']), 60_000);
    await freshness.poll();
    const answer = await other.inject({ method: 'GET', url: '/fhir/Group', headers: await h.token('c1') });
    expect(versioned(answer.json<BundleJson>().entry![0]!.resource)).toEqual({ ...before, version: h.now });
    await other.close();
    await lost.close();
  });

  it.each([
    [
      'the version, as a weak or strong tag or in a list',
      (v: string) => [`W/"${v}"`, `"${v}"`, `"x", W/"${v}"`, '*'],
      304,
    ],
    ['no version of this Group', (v: string) => [`W/"${v}0"`, v, '', '"*"'], 200],
  ])('answers If-None-Match with %s', async (_what, tags, status) => {
    h = await new Harness().start();
    await h.publish(inNetwork(), ...panel('m1'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    const { id, meta } = await onlyGroup(h, app);
    for (const tag of tags(String(Date.parse(meta.lastUpdated))))
      expect((await h.get(`/fhir/Group/${id}`, { ...app, 'if-none-match': tag })).statusCode, tag).toBe(status);
    await optOut('m1');
    for (const tag of tags(String(Date.parse(meta.lastUpdated))).filter((one) => one !== '*'))
      expect((await h.get(`/fhir/Group/${id}`, { ...app, 'if-none-match': tag })).statusCode, tag).toBe(200);
  });

  it('does not tell a client that may no longer see the Group whether it is unchanged', async () => {
    h = await new Harness().start();
    await h.publish(inNetwork(), ...panel('m1'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    const { id, meta } = await onlyGroup(h, app);
    await h.publish(inNetwork(NPI, 'out-of-network'));
    const tag = `W/"${Date.parse(meta.lastUpdated)}"`;
    expect((await h.get(`/fhir/Group/${id}`, { ...app, 'if-none-match': tag })).statusCode).toBe(404);
  });
});
