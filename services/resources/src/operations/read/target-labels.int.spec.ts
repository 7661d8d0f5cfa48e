import { afterEach, describe, expect, it } from 'vitest';
import { labelPolicy } from '@provider-access/domain/pdex/labels';
import { openEmbeddedViews } from '@provider-access/engines/views/embedded';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { Random } from '@provider-access/testing/search';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countedViews, watched } from '../../../test/counted-views.ts';
import { condition, event, House, type HouseOptions } from '../../../test/harness.ts';

const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
const CONFIDENTIALITY = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';
const HIV = { meta: { security: [{ system: ACT_CODE, code: 'HIV' }] } };
const NORMAL = { meta: { security: [{ system: CONFIDENTIALITY, code: 'N' }] } };
const BACKGROUND = /^(receipts|members position|members waitFor)/;

const provenance = (id: string, targets: readonly string[], extra: object = {}) => ({
  ...{ resourceType: 'Provenance', id, recorded: '2025-06-01T00:00:00Z' },
  target: targets.map((reference) => ({ reference })),
  agent: [{ who: { display: 'County clinic' } }],
  ...extra,
});
const medication = (id: string, extra: object) => ({ resourceType: 'Medication', id, code: { text: 'x' }, ...extra });
const practitioner = (id: string, extra: object) => ({ resourceType: 'Practitioner', id, ...extra });

let house: House;
let token: string;
let folder: string | undefined;
let second = 0;
const at = (): string => new Date(Date.UTC(2025, 0, 1, 0, 0, (second += 1))).toISOString();
afterEach(async () => {
  await house.close();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  folder = undefined;
});
async function open(options: HouseOptions = {}): Promise<void> {
  house = await House.open(options);
  await house.approve('app1');
  for (const member of ['m1', 'm2']) await house.attribute(member);
  token = await house.token('app1');
}
const statusOf = async (id: string): Promise<number> =>
  (await house.call('GET', `/fhir/Provenance/${id}`, { token })).status;

interface Bundle {
  readonly entry?: readonly { readonly resource: { readonly resourceType: string; readonly id: string } }[];
  readonly total: number;
}
const bundle = async (query: string): Promise<Bundle> =>
  (await house.call('GET', `/fhir/${query}`, { token })).json<Bundle>();
const found = async (query: string): Promise<readonly string[]> =>
  ((await bundle(query)).entry ?? []).map(({ resource: { resourceType, id } }) => `${resourceType}/${id}`).toSorted();
const totalOf = async (query: string): Promise<number> => (await bundle(`${query}&_summary=count`)).total;

/** The events as a payer may write them: with escapes in the words of labels, which no search of bytes finds. */
const escaped = (text: string): string =>
  text.replaceAll('"HIV"', '"\\u0048I\\u0056"').replaceAll('"security"', '"\\u0073ecurit\\u0079"');

interface Change {
  readonly what: string;
  readonly labelled: boolean;
  readonly input: Parameters<typeof event>[0];
}
const TYPES = ['Condition/a', 'Condition/b', 'Medication/x', 'Practitioner/p', 'Provenance/inner'] as const;
/** Targets of each Provenance. The targets of `inner` are in `INNER`. */
const PROVENANCES: Readonly<Record<string, readonly string[]>> = {
  one: ['Condition/a'],
  two: ['Condition/a', 'Condition/b'],
  drug: ['Medication/x'],
  clinician: ['Practitioner/p', 'Condition/nowhere'],
  outer: ['Provenance/inner', 'Condition/b'],
  all: TYPES,
};
const INNER = ['Condition/a'];

describe('a Provenance and a search follow labels', () => {
  /**
   * The rule of docs/security-labels.md, written without the product: a Provenance is withheld while one of its targets
   * is. A deleted target has the label of its last version. A copy of a Medication may be the member's or the payer's.
   */
  class Rule {
    readonly #labelled = new Map<string, boolean>();
    readonly #live = new Set<string>();
    apply({ what, labelled, input }: Change): void {
      // A delete keeps the label of the last version. A resource that was never there gets none.
      if (input.type === 'payer.resource-deleted.v1') this.#live.delete(what);
      else {
        this.#live.add(what);
        this.#labelled.set(what, labelled);
      }
    }
    /** What a search of the type finds. */
    shown(type: string): readonly string[] {
      return [...this.#live].filter((what) => what.startsWith(type) && this.#labelled.get(what) !== true).toSorted();
    }
    withholds(targets: readonly string[]): boolean {
      return targets.some(
        (target) =>
          this.#labelled.get(target) === true ||
          this.#labelled.get(`shared ${target}`) === true ||
          (target === 'Provenance/inner' && this.#labelled.has(target) && this.withholds(INNER)),
      );
    }
  }

  it.each(['memory', 'embedded'])(
    'in any order of changes (%s)',
    async (engine) => {
      if (engine === 'embedded') folder = mkdtempSync(join(tmpdir(), 'target-labels-'));
      await open({
        views: folder === undefined ? openMemoryViews() : openEmbeddedViews({ file: join(folder, 'views.db') }),
      });
      const random = new Random(engine === 'memory' ? 29 : 86);
      const rule = new Rule();
      const draw = (): Change => {
        const what = random.one([...TYPES, 'shared Medication/x']);
        const [type = '', id = ''] = what.replace('shared ', '').split('/');
        const extra = random.one([{}, NORMAL, HIV, HIV]);
        const labelled = extra === HIV;
        const time = at();
        if (type === 'Practitioner' || what.startsWith('shared')) {
          const resource = type === 'Practitioner' ? practitioner(id, extra) : medication(id, extra);
          return {
            what,
            labelled,
            input: { type: 'payer.provider-recorded.v1', subject: 'directory', resource, time },
          };
        }
        if (random.below(4) === 0) {
          const data = { resourceType: type, id };
          return { what, labelled: false, input: { type: 'payer.resource-deleted.v1', subject: 'm1', time, data } };
        }
        const resource =
          type === 'Condition'
            ? condition('m1', id, extra)
            : type === 'Medication'
              ? medication(id, extra)
              : provenance(id, INNER, extra);
        return { what, labelled, input: { subject: 'm1', resource, time } };
      };
      // Half of the Provenances come before what they are about.
      const publish = async (ids: readonly string[]): Promise<void> =>
        void (await house.publish(
          ids.map((id) => ({ subject: 'm1', resource: provenance(id, PROVENANCES[id]!), time: at() })),
        ));
      await publish(['one', 'drug', 'outer']);
      let seen = 0;
      for (let step = 0; step < 60; step++) {
        if (step === 12) await publish(['two', 'clinician', 'all']);
        const changes = Array.from({ length: 1 + random.below(3) }, draw);
        changes.forEach((change) => rule.apply(change));
        await house.publish(
          changes.map(({ input }) => {
            const text = JSON.stringify(event(input));
            return random.below(2) === 0 ? text : escaped(text);
          }),
        );
        await house.settled();
        for (const [id, targets] of Object.entries(PROVENANCES)) {
          if (step < 12 && ['two', 'clinician', 'all'].includes(id)) continue;
          const expected = rule.withholds(targets) ? 404 : 200;
          seen += Number(expected === 200);
          expect([step, id, await statusOf(id)]).toEqual([step, id, expected]);
        }
        const queries = ['', '&_id=a,b', '&_sort=-_lastUpdated', '&_lastUpdated=gt2020'];
        for (const query of step % 3 === 0 ? queries : queries.slice(0, 1)) {
          const shown = rule.shown('Condition/');
          expect([step, query, await found(`Condition?patient=m1${query}`)]).toEqual([step, query, shown]);
          expect([step, query, await totalOf(`Condition?patient=m1${query}`)]).toEqual([step, query, shown.length]);
        }
      }
      expect(seen).toBeGreaterThan(50);
    },
    300_000,
  );

  it('to the member into whom they move, and not while another member has them', async () => {
    await open();
    const publish = async (subject: string, ...resources: object[]): Promise<void> => {
      await house.publish(resources.map((resource) => ({ subject, time: at(), resource })));
      await house.settled();
    };
    const statuses = async () => [await statusOf('moved'), await statusOf('before')];
    await publish('m1', condition('m1', 'moving'), provenance('moved', ['Condition/moving']));
    await publish('m2', condition('m2', 'own'), provenance('before', ['Condition/own', 'Condition/later']));
    await publish('m1', condition('m1', 'later', HIV));
    expect(await statuses()).toEqual([200, 200]);
    await house.publish([{ type: 'payer.members-merged.v1', subject: 'm2', time: at(), data: { from: 'm1' } }]);
    await house.settled();
    await publish('m2', condition('m2', 'moving', HIV), condition('m2', 'later', HIV));
    // The first Provenance stays with its member until the payer sends it for the other one.
    expect((await house.records.heads(['m1/Condition/moving']))[0]).toMatchObject({ reason: 'merged' });
    expect(await statuses()).toEqual([404, 404]);
    await publish('m2', condition('m2', 'moving'), condition('m2', 'later'));
    expect(await statuses()).toEqual([200, 200]);
  });

  it('under a policy that withholds what nobody knows, and not where the policy releases', async () => {
    await open({ labels: labelPolicy({ '*': 'withhold', [`${CONFIDENTIALITY}|N`]: 'release' }) });
    const own = { meta: { security: [{ system: 'https://payer.example/labels', code: 'state-law' }] } };
    await house.publish([
      { subject: 'm1', time: at(), resource: condition('m1', 'own', own) },
      { subject: 'm1', time: at(), resource: condition('m1', 'normal', NORMAL) },
      { subject: 'm1', time: at(), resource: provenance('of-own', ['Condition/own']) },
      { subject: 'm1', time: at(), resource: provenance('of-normal', ['Condition/normal']) },
    ]);
    await house.settled();
    expect([await statusOf('of-own'), await statusOf('of-normal')]).toEqual([404, 200]);
  });
});

describe('a read of a Provenance', () => {
  it('makes one query for the labels of all targets, as many as for an unknown id', async () => {
    const statements: string[] = [];
    await open({ views: countedViews(openMemoryViews(), statements) });
    const many = Array.from({ length: 250 }, (_, n) => `c${n}`);
    const targets = many.map((id) => `Condition/${id}`);
    await house.publish([
      ...many.map((id) => ({ subject: 'm1', time: at(), resource: condition('m1', id) })),
      { subject: 'm1', time: at(), resource: condition('m1', 'secret', HIV) },
      { subject: 'm1', time: at(), resource: provenance('many', targets) },
      { subject: 'm1', time: at(), resource: provenance('hidden', [...targets, 'Condition/secret']) },
    ]);
    await house.settled();
    const asked = async (id: string): Promise<[number, readonly string[]]> => {
      statements.splice(0);
      const status = await statusOf(id);
      return [status, statements.splice(0).filter((statement) => !BACKGROUND.test(statement))];
    };
    const found = ['records having 1', 'members getMany 1', 'records getMany 1', 'records others 1'];
    expect(await asked('many')).toEqual([200, [...found, 'records getMany 1 record.line']]);
    expect(await asked('hidden')).toEqual([404, found]);
    expect(await asked('nobody')).toEqual([404, found]);
  });

  it.each([
    ['gets a label', 'p', (): object => provenance('p', ['Condition/c'], HIV), 'Provenance'],
    ['gets a labelled target', 'p', (): object => provenance('p', ['Condition/c', 'Condition/secret']), 'Provenance'],
    ['gets a label', 'c', (): object => condition('m1', 'c', HIV), 'Condition'],
    ['stays as it is', 'p', (): object => condition('m1', 'other'), 'Provenance'],
    ['stays as it is', 'c', (): object => condition('m1', 'other'), 'Condition'],
  ])('decides again if the record %s between the head and the line (%s)', async (what, id, next, type) => {
    let meanwhile: (() => Promise<void>) | undefined;
    const views = openMemoryViews();
    await open({
      views: watched(views, (method, [projection]) =>
        method !== 'reader' || projection.name !== 'records'
          ? undefined
          : (watched(views.reader(projection), (asked, [ids, load]) => {
              if (asked !== 'getMany' || load?.bodies === undefined || load.plain !== undefined) return undefined;
              const change = meanwhile;
              meanwhile = undefined;
              return change?.().then(() => views.reader(projection).getMany(ids, load)) as never;
            }) as never),
      ),
    });
    await house.publish([
      // A label that the policy releases: without any, the line would come with the head.
      { subject: 'm1', time: at(), resource: condition('m1', 'c', NORMAL) },
      { subject: 'm1', time: at(), resource: condition('m1', 'secret', HIV) },
      { subject: 'm1', time: at(), resource: provenance('p', ['Condition/c']) },
    ]);
    await house.settled();
    let changed = 0;
    meanwhile = async () => {
      changed += 1;
      await house.publish([{ subject: 'm1', time: at(), resource: next() }]);
      await house.settled();
    };
    const { status } = await house.call('GET', `/fhir/${type}/${id}`, { token });
    expect([changed, status]).toEqual([1, what === 'stays as it is' ? 200 : 404]);
  });
});
