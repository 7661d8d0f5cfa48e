import { afterAll, beforeAll, expect, it } from 'vitest';
import { type FhirResource, PATIENT_ELEMENT, searchOf, structureOf } from '@provider-access/fhir';
import { readPart } from '@provider-access/domain/smart';
import type { Blobs } from '@provider-access/engines/blob';
import { memberFacts } from '@provider-access/facts/views';
import { searchKeys } from '@provider-access/records';
import {
  BASE,
  cases,
  type Condition,
  Random,
  randomCondition,
  randomResource,
  seed,
} from '@provider-access/testing/search';
import { decodeIndex, inflateSegments, PartSet } from '@provider-access/jobs/files';
import { parseKickOff } from '../src/domain/request/parameters.ts';
import type { GivenParameter } from '../src/domain/request/given.ts';
import { Asked } from '../src/jobs/asked.ts';
import { writeChunk } from '../src/jobs/chunk-writer.ts';
import { partyOf } from '../src/jobs/party-snapshot.ts';
import { KeptSegments } from '../src/jobs/kept-segments.ts';
import { Supporting } from '../src/jobs/supporting.ts';
import { GROUP, Platform } from './harness.ts';
import { expected, faultOfForm, KEPT, type Line, nameOf, type Wanted } from './oracle.ts';

const MEMBERS = ['m1', 'm2', 'm3'];
const OWNED = ['Observation', 'Condition', 'Encounter', 'Immunization'];
const SHARED = ['Practitioner', 'PractitionerRole', 'Organization'];
/** After the members became visible, so that a delta has only what changed. */
const TIMES = [1, 2, 3, 4, 5, 6].map((month) => Date.UTC(2100, month));

const REQUESTS = cases(1) === 1 ? 300 : 50_000;

const random = new Random(seed);
const lines: Line[] = [];
let platform: Platform;

function lineOf(type: string, id: string, member: string | undefined, references: readonly string[]): Line {
  const updated = random.one(TIMES);
  const { resourceType, id: _id, meta: _meta, ...drawn } = randomResource(random, type);
  const owner = PATIENT_ELEMENT[type];
  const meta = { lastUpdated: new Date(updated).toISOString() };
  const patient = member !== undefined && owner !== undefined ? { [owner]: { reference: `Patient/${member}` } } : {};
  return { type, member, updated, resource: { resourceType, id, meta, ...drawn, ...patient }, references };
}

beforeAll(async () => {
  for (const type of SHARED)
    for (let n = 0; n < 4; n++) {
      const next = SHARED[SHARED.indexOf(type) - 1] ?? 'Organization';
      const broughtBy = type === 'PractitionerRole' ? ['Practitioner', 'Organization'] : type === next ? [next] : [];
      lines.push(
        lineOf(
          type,
          `${type}-${n}`,
          undefined,
          broughtBy.map((each) => `${each}-${random.below(4)}`),
        ),
      );
    }
  for (const line of lines.splice(0)) {
    const references = line.references.map((each) => `${each.replace(/-\d$/, '')}/${each}`);
    lines.push({ ...line, references });
  }
  for (const member of MEMBERS) {
    lines.push({ ...lineOf('Patient', member, member, []) });
    for (const type of OWNED)
      for (let n = 0; n < 4; n++) {
        const to = random.one(SHARED);
        const references = random.chance(0.5) ? [`${to}/${to}-${random.below(4)}`] : [];
        lines.push(lineOf(type, `${member}-${type}-${n}`, member, references));
      }
  }
  platform = await Platform.start({}, undefined, 'memory', [searchKeys]);
  await platform.client('c1');
  await platform.group();
  await platform.members(MEMBERS);
  await platform.resources(
    lines.map(({ type, member = 'shared', resource, references, updated }) => {
      const at = new Date(updated).toISOString();
      return { member, type, id: String(resource['id']), resource, references, at };
    }),
  );
  expect(await platform.reader(searchKeys).waitFor(await platform.log.head(['pa.records']), 60_000)).toBe(true);
});
afterAll(() => platform.dispose());

/** Files in memory. */
function memoryBlobs() {
  const files = new Map<string, Buffer>();
  const blobs: Pick<Blobs, 'put' | 'writer'> = {
    put: (name, content) => {
      files.set(name, Buffer.from(content as string));
      return Promise.resolve({ name, bytes: content.length } as never);
    },
    writer: (name) => {
      const written: Uint8Array[] = [];
      return Promise.resolve({
        write: (bytes: Uint8Array) => Promise.resolve(void written.push(Buffer.from(bytes))),
        commit: () => Promise.resolve(files.set(name, Buffer.concat(written)) as never),
        abort: () => Promise.resolve(),
      } as never);
    },
  };
  return { files, blobs: blobs as Blobs };
}

/** The lines of each block by its patient; those of all files without blocks by ''. */
type Blocks = Map<string, Map<string, FhirResource>>;

/** What the export writes for a kick-off with these parameters. */
async function exported(body: readonly GivenParameter[], within: string[] = []): Promise<Blocks> {
  const base = BASE;
  const request = parseKickOff('$export', [], body, { lenient: false, now: Date.UTC(2101), inScope: () => true, base });
  const {
    types,
    since: from,
    patients,
    warnings: _none,
    ...asks
  } = JSON.parse(JSON.stringify(request)) as typeof request;
  const since = from === undefined ? undefined : Date.parse(from);
  const members = patients === undefined ? MEMBERS : patients.flatMap(({ id }) => id ?? []);
  const { files, blobs } = memoryBlobs();
  const labels = platform.labels();
  const isWhole = Object.keys(asks).length === 0 && within.length === 0;
  const asked = isWhole ? undefined : { ...asks, ...(within.length > 0 && { within }) };
  const task = { ...platform.taskOf({ job: 'j', chunk: 0, fence: 1, group: GROUP, types, members }), asked, base };
  const { summary } = await writeChunk(since === undefined ? task : { ...task, since }, {
    records: platform.records(),
    facts: platform.reader(memberFacts),
    blobs,
    clock: platform.clock,
    labels,
  });
  const check = labels.check(partyOf(task.party), 'c1');
  const supporting = new Supporting(types, since, check, asked && new Asked(asked, base));
  supporting.collect(summary, () => true);
  const parts = new PartSet(blobs, 'seal/', 'shared');
  const shared = await parts.written(() => supporting.write(platform.records(), parts, new KeptSegments()));
  const found: Blocks = new Map(asks.organizeBy === undefined ? [['', new Map()]] : []);
  for (const { kind, part, index } of [...summary.parts, ...shared]) {
    if (kind !== 'output') continue;
    const { segments } = decodeIndex(files.get(index)!);
    let block = '';
    for (const text of inflateSegments(files.get(part)!, segments).toString().trim().split('\n')) {
      const resource = JSON.parse(text) as FhirResource;
      if (resource.resourceType === 'Parameters') {
        block = headerOf(resource);
        if (found.has(block)) throw new Error(`${block} has two blocks`);
        found.set(block, new Map());
        continue;
      }
      const name = `${resource.resourceType}/${resource.id!}`;
      const of = found.get(block)!;
      if (of.has(name)) throw new Error(`${name} is there twice`);
      if (resource.resourceType === 'Patient' && block !== '' && of.size > 0) throw new Error(`${name} is not first`);
      of.set(name, resource);
    }
  }
  return found;
}

/** E60: one parameter `header` with a Reference. */
function headerOf(line: FhirResource): string {
  const [header, ...others] = line['parameter'] as { name: string; valueReference: { reference: string } }[];
  if (header?.name !== 'header' || others.length > 0) throw new Error('a header of another form');
  return header.valueReference.reference;
}

const some = <T>(from: readonly T[], chance: number): readonly T[] => from.filter(() => random.chance(chance));

/** A condition, and the text that means the same. */
function drawnFilter(type: string) {
  const pool = lines.filter((line) => line.type === type);
  const parameters = searchOf(type)!.parameters.filter(({ owner, name }) => owner !== true && !name.startsWith('_'));
  const drawn = Array.from({ length: 1 + random.below(2) }, () =>
    randomCondition(random, random.one(parameters), random.one(pool).resource as FhirResource),
  );
  const text = drawn.map(({ key, value }) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`).join('&');
  return { type, all: drawn.map(({ condition }): Condition => condition), text: `${type}?${text}` };
}

/** Parts of a type that scopes cover (APPS.md P53), as a job keeps them. */
function drawnParts(type: string) {
  const drawn = Array.from({ length: 1 + random.below(2) }, () => drawnFilter(type));
  return drawn.filter(({ text }) => readPart(text) !== undefined);
}

function drawnRequest(): {
  readonly wanted: Wanted;
  readonly body: readonly GivenParameter[];
  readonly within: string[];
} {
  const all = [...OWNED, ...SHARED, 'Patient'];
  const types = random.chance(0.5) ? some(all, 0.6) : [];
  const asked = types.length > 0 ? types : all;
  const patients = random.chance(0.3) ? [...some(MEMBERS, 0.5), 'nobody'] : undefined;
  const since = random.chance(0.3) ? random.one(TIMES) + random.below(2) : undefined;
  const until = random.chance(0.3) ? (since ?? TIMES[0]!) + 1 + random.below(1.5e10) : undefined;
  const filters = random.chance(0.8)
    ? some(asked, 0.4).flatMap((type) => [drawnFilter(type), ...some([0], 0.3).map(() => drawnFilter(type))])
    : [];
  const elementsOf = (type: string) =>
    [...structureOf(type)!.elements.values()].filter(({ choice }) => choice === undefined);
  const elements = random.chance(0.3)
    ? asked.slice(0, 2).flatMap((type) => {
        const { name } = random.one(elementsOf(type));
        return random.chance(0.5) ? [`${type}.${name}`] : [name];
      })
    : undefined;
  const instant = (at: number) => new Date(at).toISOString();
  const body = [
    { name: '_type', value: asked.join(',') },
    ...(patients ?? []).map((id) => ({ name: 'patient', value: `Patient/${id}` })),
    ...(since === undefined ? [] : [{ name: '_since', value: instant(since) }]),
    ...(until === undefined ? [] : [{ name: '_until', value: instant(until) }]),
    // Repeated, or as one list.
    ...(random.chance(0.5) && filters.length > 0
      ? [{ name: '_typeFilter', value: filters.map(({ text }) => text).join(',') }]
      : filters.map(({ text }) => ({ name: '_typeFilter', value: text }))),
    ...(elements === undefined ? [] : [{ name: '_elements', value: elements.join(',') }]),
    ...(random.chance(0.3) ? [{ name: 'organizeOutputBy', value: 'Patient' }] : []),
  ];
  const within = random.chance(0.4) ? drawnParts(random.one(asked)) : [];
  const optional = { patients, since, until, elements };
  return {
    body,
    within: within.map(({ text }) => text),
    wanted: { types: asked, filters, within, ...JSON.parse(JSON.stringify(optional)) } as Wanted,
  };
}

/**
 * What each block has, from E60 to E62: what the request would find of this patient alone, which includes each
 * supporting resource that the block refers to. A patient of whom it finds nothing has no block.
 */
function blocksOf(wanted: Wanted, isOrganized: boolean): Map<string, ReadonlySet<string>> {
  if (!isOrganized) return new Map([['', expected(lines, wanted, BASE)]]);
  const patients = wanted.patients ?? MEMBERS;
  const each = MEMBERS.filter((member) => patients.includes(member)).map(
    (member) => [`Patient/${member}`, expected(lines, { ...wanted, patients: [member] }, BASE)] as const,
  );
  return new Map(each.filter(([, names]) => names.size > 0));
}

it('E10 to E43, E60 to E62, P53: random requests give what the rules select from an export of everything', async () => {
  const everything = (await exported([])).get('')!;
  const byName = new Map(lines.map((line) => [nameOf(line), line]));
  const reached = new Set([...everything.keys()]);
  expect(reached).toEqual(expected(lines, { types: Object.keys(KEPT), filters: [] }, BASE));
  let resources = 0;
  let filtered = 0;
  let restricted = 0;
  let blocks = 0;
  for (let n = 0; n < REQUESTS; n++) {
    const { wanted, body, within } = drawnRequest();
    const given = await exported(body, within);
    restricted += within.length > 0 ? 1 : 0;
    const want = blocksOf(
      wanted,
      body.some(({ name }) => name === 'organizeOutputBy'),
    );
    expect([...given.keys()], JSON.stringify(body)).toEqual([...want.keys()]);
    for (const [block, found] of given) {
      expect([...found.keys()].toSorted(), JSON.stringify(body)).toEqual([...want.get(block)!].toSorted());
      for (const [name, resource] of found) {
        const fault = faultOfForm(byName.get(name)!, resource, wanted);
        if (fault !== undefined) throw new Error(`${name} ${fault}: ${JSON.stringify(body)}`);
      }
      resources += found.size;
      blocks += block === '' ? 0 : 1;
    }
    if (wanted.filters.length > 0) filtered += [...want.values()].some(({ size }) => size > 0) ? 1 : 0;
  }
  process.stderr.write(
    `${resources} resources and ${blocks} blocks of ${REQUESTS} requests; ${filtered} filtered ones found some\n`,
  );
  expect(filtered).toBeGreaterThan(REQUESTS / 3);
  expect(restricted).toBeGreaterThan(REQUESTS / 10);
  expect(blocks).toBeGreaterThan(REQUESTS / 4);
  // 50,000 take an hour on a machine that does other work too.
}, 7_200_000);
