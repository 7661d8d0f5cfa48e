import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PA_CONSENT, PA_MEMBERS, PA_REGISTRY } from '@provider-access/events';
import { Facts } from '@provider-access/facts';
import { appendFacts, LONG_AGO } from '@provider-access/process/testing';
import { openMongoState } from '@provider-access/engines/state/mongo';
import { openMongoViews } from '@provider-access/engines/views/mongo';
import type { Views } from '@provider-access/engines/views';
import { eventually, type Mongo, mongoTarget, startMongo, tcpProxy, type TcpProxy } from '@provider-access/testing';
import { condition, House, type Loose, patient } from '../../test/harness.ts';
import { watched } from '../../test/counted-views.ts';

const RESTRICTED = {
  meta: { security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' }] },
};
const MEMBERS = Array.from({ length: 40 }, (_, i) => `m${i}`);
const READS: readonly (readonly [what: string, path: (member: string) => string])[] = [
  ['a read', (m) => `Condition/${m}-c`],
  ['a read of a Provenance', (m) => `Provenance/${m}-origin`],
  ['a read of a version', (m) => `Condition/${m}-c/_history/1`],
  ['a history', (m) => `Condition/${m}-c/_history`],
];
const SEARCHES: typeof READS = [
  ['a page by patient', (m) => `Condition?patient=${m}&_count=50`],
  ['a search by code', (m) => `Condition?patient=${m}&code=c`],
  ['a search by id', (m) => `Condition?_id=${m}-c`],
  ['a count', (m) => `Condition?patient=${m}&code=c&_summary=count`],
  ['a search with _include', (m) => `Condition?patient=${m}&_revinclude=Provenance:target`],
];

/** Commands of reads in the views of members and records. Other work of the process has other ones. */
const OF_A_REQUEST = /^(find|aggregate) (?:facts_members|resources_(?:records|locators|search|versions))_v/;

/** Member facts that another process writes on MongoDB, for a process that remembers what it has read. */
describe('facts that a process remembers', () => {
  const commands: string[] = [];
  let mongo: Mongo;
  let proxy: TcpProxy;
  let house: House;
  let token: string;
  /** What happens once, before a record is read with the facts that permit, or the lines of a page. */
  let meanwhile: (() => Promise<unknown>) | undefined;
  let next = 0;
  const another = (): string => MEMBERS[next++]!;

  const interrupted = (views: Views): Views =>
    watched(views, (method, [projection]) => {
      if (method !== 'reader' || projection.name !== 'records') return undefined;
      const reader = views.reader(projection) as Loose;
      return watched(reader, (asked, args) => {
        const happens = meanwhile;
        if (happens === undefined || !['getWhile', 'getMany', 'find'].includes(asked)) return undefined;
        meanwhile = undefined;
        const until = commands.length;
        return happens().then(() => {
          commands.splice(until);
          return reader[asked](...args);
        });
      }) as never;
    });

  beforeAll(async () => {
    mongo = await startMongo();
    proxy = await tcpProxy({ target: { port: mongo.port }, protocol: 'mongo' });
    const database = {
      uri: `mongodb://127.0.0.1:${proxy.port}/?directConnection=true`,
      database: `remembered_${randomUUID()}`,
      applyIndexes: true,
    };
    house = await House.open({
      // A process asks once a second which build of a view is live.
      views: interrupted(await openMongoViews({ ...database, registryTtlMs: 3_600_000 })),
      state: await openMongoState(database),
    });
    await house.approve('app1');
    for (const member of MEMBERS) await house.attribute(member);
    await house.publish(
      MEMBERS.flatMap((subject) => [
        { subject, resource: patient(subject) },
        { subject, resource: condition(subject, `${subject}-c`, { code: { coding: [{ code: 'c' }] } }) },
        { subject, resource: { ...condition(subject, `${subject}-secret`), ...RESTRICTED } },
        {
          subject,
          resource: {
            resourceType: 'Provenance',
            id: `${subject}-origin`,
            target: [{ reference: `Condition/${subject}-c` }],
            recorded: '2024-05-01T00:00:00Z',
            agent: [{ who: { display: 'Clinic' } }],
          },
        },
      ]),
    );
    await house.settled();
    token = await house.token('app1');
    proxy.loseRequests((frame) => {
      const target = mongoTarget(frame) ?? '';
      if (OF_A_REQUEST.test(target)) commands.push(target);
      return false;
    });
  });
  afterAll(async () => {
    await house?.close();
    await proxy?.close();
    await mongo?.stop();
  });
  beforeEach(() => {
    meanwhile = undefined;
  });

  interface Asked {
    readonly status: number;
    readonly text: string;
    readonly commands: readonly string[];
  }
  async function ask(path: string): Promise<Asked> {
    commands.splice(0);
    const { status, text } = await house.call('GET', `/fhir/${path}`, { token });
    return { status, text, commands: commands.splice(0).toSorted() };
  }
  /** Asks until the facts that permit come from memory. */
  async function remembered(member: string): Promise<void> {
    await eventually(async () => {
      const { status, commands: asked } = await ask(`Condition/${member}-c`);
      expect(status).toBe(200);
      expect(asked).toHaveLength(2);
    });
  }
  const without = ({ text, ...asked }: Asked, member: string): Asked => ({
    ...asked,
    text: text.replaceAll(member, 'MEMBER'),
  });
  const expectAbsent = async (
    path: (member: string) => string,
    member: string,
    happens?: () => Promise<unknown>,
  ): Promise<void> => {
    const absent = await ask(path('nobody'));
    meanwhile = happens;
    expect(without(await ask(path(member)), member)).toEqual(without(absent, 'nobody'));
  };

  it.each(READS)('do not show %s after an opt-out between the decision and the record', async (_what, path) => {
    const member = another();
    await remembered(member);
    await expectAbsent(path, member, () => house.optOut(member));
    expect(meanwhile).toBeUndefined();
  });

  it.each(SEARCHES)('do not show %s after an opt-out while it runs', async (_what, path) => {
    const member = another();
    await remembered(member);
    const resultsOf = ({ text }: Asked): unknown => {
      const { entry, total } = JSON.parse(text) as Loose;
      return entry?.length ?? total;
    };
    expect(resultsOf(await ask(path(member)))).toBeGreaterThan(0);
    meanwhile = () => house.optOut(member);
    expect([undefined, 0]).toContain(resultsOf(await ask(path(member))));
    expect(meanwhile).toBeUndefined();
  });

  it.each([...READS, ...SEARCHES])(
    'make no query of %s that an absent one does not, once an opt-out is effective',
    async (_what, path) => {
      const member = another();
      await remembered(member);
      expect((await ask(path(member))).status).toBe(200);
      // What an acknowledgement by another process waits for: the view, and the party facts of this one.
      await house.optOut(member);
      expect(await house.app.get(Facts).parties.waitFor(await house.log.head([PA_CONSENT]), 30_000)).toBe(true);
      await expectAbsent(path, member);
    },
  );

  it('deny at once when a coverage ends, of which no follower tells', async () => {
    const member = another();
    await remembered(member);
    const ended = { member, coverageId: `cov-${member}`, from: LONG_AGO, to: '2021-01-01T00:00:00.000Z' };
    await appendFacts(
      house.log,
      [
        {
          topic: PA_MEMBERS,
          type: 'pa.coverage-changed.v1',
          subject: member,
          data: { ...ended, businessTime: '2025-01-01T00:00:00.000Z', sequence: 1 },
        },
      ],
      '/payer',
    );
    const head = await house.log.head([PA_MEMBERS]);
    expect(await house.app.get(Facts).reader.waitFor(head, 30_000)).toBe(true);
    await expectAbsent((m) => `Condition/${m}-c`, member);
    const page = await ask(`Condition?patient=${member}&_count=50`);
    expect(JSON.parse(page.text).entry).toBeUndefined();
  });

  it('permit nothing to a client that is revoked, or while the facts are too old', async () => {
    const member = another();
    await remembered(member);
    const { freshness } = house.app.get(Facts);
    const fresh = freshness.fresh.bind(freshness);
    freshness.fresh = () => false;
    for (const path of [`Condition/${member}-c`, `Condition?patient=${member}`])
      expect((await ask(path)).status).toBe(503);
    freshness.fresh = fresh;
    expect((await ask(`Condition/${member}-c`)).status).toBe(200);
    await appendFacts(house.log, [
      {
        topic: PA_REGISTRY,
        type: 'pa.app-suspended.v1',
        subject: 'app1',
        data: { client: 'app1', by: 'test', reason: 'x' },
      },
    ]);
    await house.app.get(Facts).parties.waitFor(await house.log.head([PA_REGISTRY]), 30_000);
    expect((await ask(`Condition/${member}-c`)).status).not.toBe(200);
  });
});
