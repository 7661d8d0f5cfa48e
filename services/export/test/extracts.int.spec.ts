import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { DEFAULT_LABEL_POLICY, labelPolicy } from '@provider-access/domain/pdex/labels';
import type { Extract, Extracts } from '@provider-access/engines/views';
import { memberFacts } from '@provider-access/facts/views';
import { cases, variant } from '@provider-access/testing/variant';
import { decodeIndex, inflateSegment } from '@provider-access/jobs/files';
import { writeChunk } from '../src/jobs/chunk-writer.ts';
import { extractsOptions } from '../src/jobs/member-extract.ts';
import { GROUP, Platform } from './harness.ts';

const HIV = 'http://terminology.hl7.org/CodeSystem/v3-ActCode|HIV';
const NORMAL = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality|N';
const MEMBERS = ['m1', 'm2', 'm3'] as const;
const PATIENTS = ['Condition', 'Device', 'Goal', 'Medication', 'Observation', 'Provenance'] as const;
/** More types than a chunk scans one by one. */
const ALL = [...PATIENTS, 'Consent', 'Encounter', 'Immunization', 'Patient', 'Practitioner', 'Procedure'].toSorted();

let platform: Platform;
let extracts: Extracts;
let fence = 0;
let version = 1;
afterEach(() => platform.dispose());

async function open(): Promise<void> {
  platform = await Platform.start();
  await platform.client('c1');
  await platform.group();
  await platform.members(MEMBERS);
  await platform.resources(MEMBERS.map((member) => ({ member, type: 'Patient', id: member, version })));
  extracts = platform.extracts(extractsOptions())!;
}

interface Asked {
  readonly policy?: typeof DEFAULT_LABEL_POLICY;
  readonly types?: readonly string[];
  /** Runs behind the first record of a scan. */
  readonly during?: () => Promise<void>;
}
/** What a chunk writes, without the names of its files. @param cache absent for the oracle, which reads all records */
async function chunk({ policy = DEFAULT_LABEL_POLICY, types = ALL, during }: Asked, cache?: Extracts) {
  const task = platform.taskOf({ job: 'j', chunk: 0, fence: (fence += 1), group: GROUP, types, members: MEMBERS });
  const reader = platform.records();
  const scanMember = reader.scanMember.bind(reader);
  let told = during;
  reader.scanMember = async function* (...input) {
    for await (const record of scanMember(...input)) {
      yield record;
      const once = told;
      told = undefined;
      await once?.();
    }
  };
  await cache?.reserve(MEMBERS);
  const { summary, extracts: made } = await writeChunk(task, {
    records: reader,
    facts: platform.reader(memberFacts),
    blobs: platform.blobs,
    clock: platform.clock,
    labels: platform.labels(policy),
    extracts: cache,
  });
  await cache?.put(made);
  const files = await Promise.all(
    summary.parts.map(async ({ part, index, ...info }) => {
      const decoded = decodeIndex((await platform.blobs.get(index))!);
      const bytes = Buffer.from((await platform.blobs.get(part))!);
      const segments = decoded.segments.map(({ offset, ...segment }) => ({
        ...segment,
        lines: inflateSegment(bytes.subarray(offset, offset + segment.compressed), segment).toString(),
      }));
      return { ...info, members: decoded.members, segments };
    }),
  );
  // When a decision was made differs from run to run, and by which facts it was made must not.
  const decided = Object.entries(summary.decided ?? {}).map(([reason, { read }]) => [reason, read]);
  return { ...summary, decided, parts: files };
}
const filled = (member: string): Promise<boolean> =>
  extracts.get(member).then((found?: Extract) => found?.body !== undefined);

type Act = () => Promise<unknown>;
const id = fc.constantFrom('a', 'b');
const anyMember = fc.constantFrom(...MEMBERS);
const type = fc.constantFrom(...PATIENTS);
const labels = fc.constantFrom([], [], [NORMAL], [HIV], [HIV, NORMAL]);
/** The version wins if the time is the same. */
const at = (): string => {
  version += 1;
  return new Date(platform.clock.now()).toISOString();
};
const act: fc.Arbitrary<Act> = fc.oneof(
  fc
    .record({
      member: fc.constantFrom(...MEMBERS, 'shared'),
      type,
      id,
      labels,
      targets: fc.subarray(['a', 'b']),
      former: fc.boolean(),
    })
    .map(({ member, type: of, targets, ...rest }) => async () => {
      const shared = member === 'shared';
      await platform.resources([
        {
          member,
          type: shared ? 'Practitioner' : of,
          ...rest,
          text: `${member} ${version}`,
          references: shared ? [] : targets.map((target) => `Practitioner/${target}`),
          ...(of === 'Provenance' &&
            !shared && { targets: targets.flatMap((t) => [`Observation/${t}`, `Practitioner/${t}`]) }),
          at: at(),
          version,
        },
      ]);
    }),
  fc.record({ member: anyMember, type, id }).map(({ member, type: of, id: one }) => async () => {
    await platform.deleted(member, of, one, { version: (version += 1) });
  }),
  fc
    .record({ member: anyMember, to: anyMember, type, id, labels })
    .map(({ member, to, type: of, ...rest }) => async () => {
      await platform.deleted(member, of, rest.id, { version: (version += 1), reason: 'merged' });
      await platform.resources([{ member: to, type: of, ...rest, text: `merged ${version}`, at: at(), version }]);
    }),
  anyMember.map((member) => () => platform.consent(member, HIV, (version += 1))),
  anyMember.map((member) => () => platform.optOut(member)),
  anyMember.map((member) => () => platform.optIn(member)),
);
const policy = fc.constantFrom(
  DEFAULT_LABEL_POLICY,
  labelPolicy({}),
  labelPolicy({ [HIV]: 'withhold unless consented' }),
  labelPolicy({ [HIV]: 'withhold', [NORMAL]: 'withhold' }),
);
const types = fc.oneof(
  fc.constant(ALL),
  fc.constant(ALL.slice(2)),
  fc.constant(['Observation', 'Patient', 'Provenance']),
);

describe('the extracts of members', () => {
  it('never change what a chunk writes, after any history and under every policy', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ act, policy, types, isDuring: fc.boolean() }), { minLength: 1, maxLength: 12 }),
        async (steps) => {
          await open();
          try {
            for (const { act: change, isDuring, ...asked } of steps) {
              // A change while the chunk reads may be in it or not, but not in an extract that outlives it.
              if (isDuring) await chunk({ ...asked, during: async () => void (await change()) }, extracts);
              else await change();
              const oracle = await chunk(asked);
              expect(await chunk(asked, extracts)).toEqual(oracle);
              expect(await chunk(asked, extracts)).toEqual(oracle);
            }
          } finally {
            await platform.dispose();
          }
        },
      ),
      { numRuns: cases(variant.long ? 15 : 8) },
    );
    await open();
  });

  it('hold nothing that a policy could withhold, and are used without a query of records', async () => {
    await open();
    await platform.resources([
      { member: 'm1', type: 'Observation', id: 'a', references: ['Practitioner/p', 'Condition/x'], version },
      { member: 'm1', type: 'Condition', id: 'a', version },
      { member: 'm1', type: 'Condition', id: 'b', labels: [NORMAL], version },
      { member: 'm1', type: 'Goal', id: 'a', labels: [HIV], version },
      { member: 'm1', type: 'Medication', id: 'a', version },
      { member: 'm1', type: 'Provenance', id: 'a', targets: ['Observation/a'], version },
    ]);
    await chunk({}, extracts);
    const { head } = (await extracts.get('m1'))!;
    expect(head).toEqual({
      types: ['Observation', 'Patient'].map((name) => ({
        type: name,
        ofLine: false,
        segments: [expect.objectContaining({ resources: 1 })],
        references: name === 'Observation' ? ['Practitioner/p'] : [],
      })),
      others: ['Condition', 'Goal', 'Medication', 'Provenance'],
    });
    const asked: unknown[] = [];
    const reader = platform.records();
    const scanMember = reader.scanMember.bind(reader);
    reader.scanMember = (member, options) => (asked.push([member, options?.types]), scanMember(member, options));
    const task = platform.taskOf({ job: 'j', chunk: 1, fence: 1, group: GROUP, types: ALL, members: MEMBERS });
    const { blobs, clock } = platform;
    const facts = platform.reader(memberFacts);
    await writeChunk(task, { records: reader, facts, blobs, clock, labels: platform.labels(), extracts });
    expect(asked).toEqual([['m1', ['Condition', 'Goal', 'Medication', 'Provenance']]]);
  });

  it('leave to each chunk what resources of others decide', async () => {
    await open();
    await platform.resources([
      { member: 'shared', type: 'Practitioner', id: 'p', version },
      { member: 'm1', type: 'Medication', id: 'a', version },
      { member: 'm1', type: 'Provenance', id: 'a', targets: ['Practitioner/p'], version },
    ]);
    const before = await chunk({}, extracts);
    expect(before.parts.map(({ type: of }) => of)).toEqual(['Medication', 'Patient', 'Provenance']);
    // Another member gets the Medication, and a resource of the payer a label. Neither changes a record of m1.
    await platform.resources([
      { member: 'm2', type: 'Medication', id: 'a', version },
      { member: 'shared', type: 'Practitioner', id: 'p', labels: [HIV], at: at(), version },
    ]);
    expect(await filled('m1')).toBe(true);
    const after = await chunk({}, extracts);
    expect(after.parts.map(({ type: of }) => of)).toEqual(['Patient']);
    expect(after.common).toEqual([['Medication/a', [0, 1]]]);
    expect(after).toEqual(await chunk({}));
  });

  it('go with a deletion and with an opt-out of their member, before an export asks for them', async () => {
    await open();
    await platform.resources([{ member: 'm1', type: 'Observation', id: 'a', version }]);
    await chunk({}, extracts);
    expect(await Promise.all(MEMBERS.map(filled))).toEqual([true, true, true]);
    await platform.optOut('m2');
    expect(await Promise.all(MEMBERS.map(filled))).toEqual([true, false, true]);
    await platform.deleted('m1', 'Observation', 'a', { version: (version += 1) });
    expect(await Promise.all(MEMBERS.map(filled))).toEqual([false, false, true]);
    const { released, parts } = await chunk({}, extracts);
    expect(released).toEqual(['m1', 'm3']);
    expect(parts.map(({ type: of, resources }) => [of, resources])).toEqual([['Patient', 2]]);
    // A member who opts out while the chunk reads leaves no extract behind.
    await platform.resources([{ member: 'm1', type: 'Goal', id: 'a', version: (version += 1) }]);
    await chunk({ during: () => platform.optOut('m1') }, extracts);
    expect(await Promise.all(MEMBERS.map(filled))).toEqual([false, false, true]);
  });
});
