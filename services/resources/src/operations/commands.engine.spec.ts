import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openMongoState } from '@provider-access/engines/state/mongo';
import { openMongoViews } from '@provider-access/engines/views/mongo';
import { BUDGETS } from '@provider-access/testing/budgets';
import { type Mongo, mongoTarget, startMongo, tcpProxy, type TcpProxy } from '@provider-access/testing';
import { condition, House, type Loose, patient } from '../../test/harness.ts';

const RESTRICTED = {
  meta: { security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' }] },
};
const HIDDEN = ['out', 'foreign', 'labelled'];
const MEMBERS = ['seen', ...HIDDEN];
const OTHER_PRACTICE = 'npi|1245319599';
/** Longer than this spec takes. A service asks once a second which build of a view is live, and not in each request. */
const REGISTRY_MS = 3_600_000;

/** The same resources for each member. */
function resourcesOf(member: string): readonly object[] {
  const subject = { reference: `Patient/${member}` };
  const conditions = (code: string, count: number): object[] =>
    Array.from({ length: count }, (_, n) =>
      condition(member, `${member}-${code}-${n}`, { code: { coding: [{ code }] } }),
    );
  const resources = [
    { ...patient(member), name: [{ family: `family-${member}` }] },
    ...conditions('one', 1),
    ...conditions('fifty', 50),
    { resourceType: 'Medication', id: `${member}-drug`, code: { text: 'aspirin' } },
    {
      resourceType: 'MedicationRequest',
      id: `${member}-order`,
      status: 'active',
      intent: 'order',
      subject,
      medicationReference: { reference: `Medication/${member}-drug` },
    },
    {
      resourceType: 'Provenance',
      id: `${member}-origin`,
      target: [{ reference: `Condition/${member}-one-0` }],
      recorded: '2024-05-01T00:00:00Z',
      agent: [{ who: { display: 'Clinic' } }],
    },
    {
      resourceType: 'DocumentReference',
      id: `${member}-note`,
      status: 'current',
      subject,
      content: [{ attachment: { contentType: 'text/plain', data: randomBytes(5000).toString('base64') } }],
    },
  ];
  return member === 'labelled' ? resources.map((resource) => ({ ...resource, ...RESTRICTED })) : resources;
}
/** A newer version of the first Condition. */
const newer = (member: string): object => ({
  ...condition(member, `${member}-one-0`, { code: { coding: [{ code: 'one' }] }, recordedDate: '2024-04-01' }),
  ...(member === 'labelled' && RESTRICTED),
});

/** The view that a command is about. */
const VIEW = /(?:resources|facts|audit)_([a-z-]+)_v\d+(?:_r\d+)?/;
/** `find records`; `position records` for the checkpoints of a view. */
function nameOf(frame: Buffer): string {
  const target = mongoTarget(frame) ?? 'another message';
  const [command = '', collection = ''] = target.split(' ');
  if (collection.startsWith('state_')) return target;
  const view = VIEW.exec(frame.toString('latin1'))?.[1] ?? collection;
  if (collection === 'view_checkpoints' && command === 'find') return `position ${view}`;
  return /^views?(?:_|$)/.test(collection) ? `${command} ${collection} of ${view}` : `${command} ${view}`;
}

/** The owner, and the head of the record with its labels, if the facts that permit have not changed. */
const SEEN = ['find records', 'aggregate records'];
/** The same with the facts. Those who may see nothing cost one command, before or after the head. */
const FOUND = [...SEEN, 'find members'];
/**
 * The search waits until the index of keys has passed everything that the records show. This process writes the index,
 * so it knows its position from the last checkpoint.
 */
const CURRENT = ['position records'];
/** Which records of a type are withheld by labels: of one member, and of several. */
const LABELS = ['find search'];
const LABELS_OF_SEVERAL = ['find search', 'find search'];
/** A list of versions, and the lines of some. */
const VERSIONS = ['find versions', 'find versions'];
const [HEADS, LINES, TARGETS] = ['find records', 'find records', 'find records'];
const DECIDED = 'find members';
/**
 * `finds`: how many ranges of keys the search reads. A search that shows something decides at its end, and one that
 * shows nothing at its beginning or at its end.
 */
const searched = (finds: number, labels = LABELS): readonly string[] => [
  ...CURRENT,
  ...labels,
  ...Array<string>(finds).fill('find search'),
  DECIDED,
];
const COUNTED = [...CURRENT, 'find search', HEADS, 'aggregate search', DECIDED];
/** Several members may have a resource of one id, so their facts are read before. */
const BY_ID = ['find records', DECIDED, ...LABELS];
/** Among the members of the client's Groups. */
const BY_NAME = [
  ...CURRENT,
  'find groups',
  'find memberships',
  // One of the members has opted out, so their facts are read before.
  DECIDED,
  ...searched(2, LABELS_OF_SEVERAL).slice(CURRENT.length, -1),
];

const inOrder = (commands: readonly string[]): readonly string[] => commands.toSorted();

describe('the commands that MongoDB gets', () => {
  /** Whole requests of this process on the wire, so that no code of the product decides what counts. */
  const commands: string[] = [];
  /** By member. */
  const binaries = new Map([['absent', '0'.repeat(64)]]);
  let mongo: Mongo;
  let proxy: TcpProxy;
  let house: House;
  let token: string;

  beforeAll(async () => {
    mongo = await startMongo();
    proxy = await tcpProxy({ target: { port: mongo.port }, protocol: 'mongo' });
    const database = {
      uri: `mongodb://127.0.0.1:${proxy.port}/?directConnection=true`,
      database: `commands_${randomUUID()}`,
      applyIndexes: true,
    };
    house = await House.open({
      views: await openMongoViews({ ...database, registryTtlMs: REGISTRY_MS }),
      state: await openMongoState(database),
      attachmentsAbove: 1000,
    });
    await house.approve('app1');
    await house.approve('app2', OTHER_PRACTICE);
    for (const member of MEMBERS) await house.attribute(member, member === 'foreign' ? OTHER_PRACTICE : undefined);
    await house.publish(MEMBERS.flatMap((subject) => resourcesOf(subject).map((resource) => ({ subject, resource }))));
    await house.publish(
      MEMBERS.map((subject) => ({ subject, time: '2025-02-01T00:00:00Z', resource: newer(subject) })),
    );
    await house.optOut('out');
    await house.settled();
    token = await house.token('app1');
    for (const member of MEMBERS) {
      const record = await house.records.byTypeId(member, 'DocumentReference', `${member}-note`);
      const { content } = JSON.parse(Buffer.from(record!.line).toString()) as Loose;
      binaries.set(member, content[0].attachment.url.split('/').at(-1));
    }
    proxy.loseRequests((frame) => {
      commands.push(nameOf(frame));
      return false;
    });
  });
  afterAll(async () => {
    await house?.close();
    await proxy?.close();
    await mongo?.stop();
  });

  /**
   * The commands of one request, on which two requests in a row agree. The process has work of its own now and then,
   * and asks once whether the declared indexes are there.
   */
  async function asked(
    path: string,
  ): Promise<{ readonly status: number; readonly found: readonly string[]; readonly text: string }> {
    let before: string | undefined;
    for (;;) {
      commands.splice(0);
      const { status, text } = await house.call('GET', `/fhir/${path}`, { token });
      const found = commands.splice(0);
      if (before === found.join()) return { status, found, text };
      before = found.join();
    }
  }
  /** Ids of members, and what contains them, are all that may differ. */
  const without = (text: string, member: string): string =>
    text.replaceAll(binaries.get(member)!, 'BINARY').replaceAll(member, 'MEMBER');

  it.each<[what: string, path: (member: string) => string, seen: readonly string[], hidden: readonly string[]]>([
    ['a read, whose line comes with the record', (m) => `Condition/${m}-one-0`, SEEN, FOUND],
    ['a read of a Provenance', (m) => `Provenance/${m}-origin`, [...SEEN, TARGETS, LINES], [...FOUND, TARGETS]],
    ['a read of the current version', (m) => `Condition/${m}-one-0/_history/2`, [...SEEN, LINES], FOUND],
    ['a read of an older version', (m) => `Condition/${m}-one-0/_history/1`, [...SEEN, ...VERSIONS], FOUND],
    ['a history of two versions', (m) => `Condition/${m}-one-0/_history`, [...SEEN, LINES, ...VERSIONS], FOUND],
    ['a search with one result', (m) => `Condition?patient=${m}&code=one`, [...searched(2), LINES], searched(2)],
    [
      'a search with 50 results, whose lines come with one',
      (m) => `Condition?patient=${m}&code=fifty&_count=50`,
      [...searched(2), LINES],
      searched(2),
    ],
    [
      'a page of 50 by patient',
      (m) => `Condition?patient=${m}&_count=50`,
      [...LABELS, LINES, DECIDED],
      [...LABELS, LINES, DECIDED],
    ],
    // What labels and too many values leave open, their heads, and the count.
    ['a count by code', (m) => `Condition?patient=${m}&code=fifty&_summary=count`, COUNTED, COUNTED],
    [
      'a search in a range of dates',
      (m) => `Condition?patient=${m}&recorded-date=ge2024-03-15&recorded-date=lt2024-05-01`,
      [...searched(3), LINES],
      searched(3),
    ],
    ['a search by id', (m) => `Condition?_id=${m}-one-0`, [...BY_ID, LINES, LINES, DECIDED], [...BY_ID, LINES]],
    [
      'a search with _include',
      (m) => `MedicationRequest?patient=${m}&_include=MedicationRequest:medication`,
      [...LABELS, LINES, HEADS, LINES, DECIDED],
      [...LABELS, LINES, DECIDED],
    ],
    [
      'a search with _revinclude',
      (m) => `Condition?patient=${m}&code=one&_revinclude=Provenance:target`,
      [...searched(2), LINES, 'find search', HEADS, TARGETS, LINES, TARGETS],
      searched(2),
    ],
    ['a search for a patient by name', (m) => `Patient?name=family-${m}`, [...BY_NAME, LINES, DECIDED], BY_NAME],
    ['$docref', (m) => `DocumentReference/$docref?patient=${m}`, [...searched(0), LINES], [...searched(0), LINES]],
    ['a Binary', (m) => `Binary/${binaries.get(m)}`, [...SEEN, LINES, ...SEEN], FOUND],
  ])(
    'for %s fit the budget, and are the same for what may not be seen and what does not exist',
    async (_what, path, seen, hidden) => {
      const shown = await asked(path('seen'));
      expect(shown.status, shown.text).toBe(200);
      expect.soft(inOrder(shown.found)).toEqual(inOrder(seen));
      const absent = await asked(path('absent'));
      expect.soft(inOrder(absent.found)).toEqual(inOrder(hidden));
      for (const member of HIDDEN) {
        const { status, text, found } = await asked(path(member));
        expect([status, without(text, member)], member).toEqual([absent.status, without(absent.text, 'absent')]);
        // Where facts in memory have permitted, the facts are read last.
        expect(inOrder(found), member).toEqual(inOrder(absent.found));
      }
    },
  );

  it.each([
    ['mongoCommandsOfARead', 'Condition/seen-one-0'],
    ['mongoCommandsOfAPage', 'Condition?patient=seen&_count=50'],
  ] as const)('fit the budget of all engines: %s', async (budget, path) => {
    const { found } = await asked(path);
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThanOrEqual(BUDGETS[budget].most);
  });

  it('are shared by reads that are on their way together, as much by those that show nothing', async () => {
    const together = async (...members: readonly string[]): Promise<readonly string[]> => {
      await Promise.all(members.map((m) => house.call('GET', `/fhir/Condition/${m}-one-0`, { token })));
      commands.splice(0);
      const paths = members.flatMap((m) => Array.from({ length: 10 }, () => `/fhir/Condition/${m}-one-0`));
      await Promise.all(paths.map((path) => house.call('GET', path, { token })));
      return commands.splice(0).filter((command) => FOUND.includes(command));
    };
    for (const members of [['seen'], MEMBERS, ['out', 'absent']]) {
      const all = await together(...members);
      // Each alone costs two commands or three.
      expect(all.length, members.join()).toBeLessThan(members.length * 10);
    }
  });

  it('for new resources insert them without looking for them, and for known ones update what they found', async () => {
    const commandsOf = async (recordedDate: string): Promise<ReadonlySet<string>> => {
      commands.splice(0);
      const resources = Array.from({ length: 20 }, (_, n) => condition('seen', `seen-new-${n}`, { recordedDate }));
      await house.publish(
        resources.map((resource) => ({ subject: 'seen', time: `${recordedDate}T00:00:00Z`, resource })),
      );
      await house.settled();
      return new Set(commands.splice(0).filter((name) => /^(find|insert|update) search$/.test(name)));
    };
    expect(await commandsOf('2025-03-01')).toEqual(new Set(['insert search']));
    expect(await commandsOf('2025-03-02')).toEqual(new Set(['find search', 'update search']));
  });
});
