import type { Task } from './task.ts';

const fixture = (type: string, source: string, data: object): string =>
  `${JSON.stringify(
    {
      specversion: '1.0',
      id: 'event-61',
      source,
      type,
      time: '2026-03-01T08:30:00.000Z',
      subject: 'member-1',
      datacontenttype: 'application/json',
      data,
    },
    undefined,
    2,
  )}\n`;

const FOLD = `
function withDeath(part: MembersPart | undefined, record: LogRecord): MembersPart | undefined {
  const { from, businessTime } = dataOf<PlatformData<'pa.member-deceased.v1'>>(record);
  const step = { event: eventIdOf(record), sequence: 0, businessTime, appliesFrom: EVER, from };
  const deceased = withStep(part?.deceased ?? [], step, recordedAt(record));
  return deceased && { coverage: {}, ...part, deceased, sources: withSource(part?.sources, record) };
}

const stepOf = (`;

const DENIES = `import { afterEach, beforeEach, expect, it } from 'vitest';
import { deadLetterTopic, PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { onlyGroup, typed } from '../test/groups.ts';
import { ADMIN, Harness, inNetwork, NPI, panel, payerEvent } from '../test/harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
});
afterEach(() => h.stop());

const admin = { authorization: \`Bearer \${ADMIN}\` };
const died = (member: string, data: object) => payerEvent('payer.member-deceased.v1', member, data);
interface Explained {
  readonly reason?: string;
  readonly memberFacts: { readonly deceased?: readonly { readonly holds: boolean }[] };
}

it('a death ends access with a reason of its own, and an unreadable one denies until it is resolved', async () => {
  await h.publish(inNetwork(), ...panel('m1', 'm2', 'm3'));
  const app = await h.app1('c1', [\`npi|\${NPI}\`]);
  expect((await onlyGroup(h, app)).quantity).toBe(3);
  await h.publish(died('m1', { on: '2025-03-01' }), died('m2', { on: 'soon' }));
  expect((await onlyGroup(h, app)).quantity).toBe(1);
  const explain = async (member: string): Promise<Explained> =>
    (await h.get(\`/ops/explain?client=c1&member=\${member}\`, admin)).json();
  expect(await explain('m1')).toMatchObject({ reason: 'deceased', memberFacts: { deceased: [{ holds: true }] } });
  expect(await explain('m2')).toMatchObject({ reason: 'on-hold' });
  expect(await typed(h, deadLetterTopic(PAYER_MEMBER_EVENTS), 'pa.event-parked.v1')).toHaveLength(1);
});
`;

/** A payer's event that ends access for a reason of its own: the member died. */
export const OWN_EFFECT_TASK: Task = {
  name: 'an event with an effect of its own',
  files: 6,
  edits: [
    {
      file: 'libs/events/src/payer-events.ts',
      find: '/** The subject is the id that stays;',
      replace: 'const memberDeceased = z.object({ on: instantOrDate });\n/** The subject is the id that stays;',
    },
    {
      file: 'libs/events/src/payer-events.ts',
      find: "  'payer.members-merged.v1': {\n",
      replace: `  'payer.member-deceased.v1': {
    topic: 'payer.member-events',
    owner: 'attribution',
    denies: 'member',
    schema: memberDeceased,
    title: 'The member died',
  },
  'payer.members-merged.v1': {
`,
    },
    {
      file: 'libs/events/src/platform-events.ts',
      find: 'const memberMerged = ',
      replace:
        'const memberDeceased = z.object({ member: z.string(), from: instant, businessTime: instant });\n' +
        'const memberMerged = ',
    },
    {
      file: 'libs/events/src/platform-events.ts',
      find: "  'pa.member-merged.v1': {",
      replace:
        "  'pa.member-deceased.v1': { topic: 'pa.members', schema: memberDeceased },\n" + "  'pa.member-merged.v1': {",
    },
    {
      file: 'libs/events/src/audit-words.ts',
      find: "  'not-attributed': '",
      replace: "  deceased: 'The member died.',\n  'not-attributed': '",
    },
    {
      file: 'services/attribution/src/domain/decide-member-event.ts',
      find: "    case 'payer.members-merged.v1': {\n",
      replace: `    case 'payer.member-deceased.v1': {
      const from = endOf(days, event.data.on);
      if (from === undefined) return invalid('data.on: needs the day of the death');
      return ok({ type: 'pa.member-deceased.v1', data: { member, from, businessTime } });
    }
    case 'payer.members-merged.v1': {
`,
    },
    {
      file: 'libs/facts/src/coverage.ts',
      find: 'type MemberMerged }',
      replace: 'type MemberMerged, type PlatformData }',
    },
    {
      file: 'libs/facts/src/coverage.ts',
      find: '  readonly mergedWith?: readonly string[];\n',
      replace: '  readonly deceased?: readonly Step[];\n  readonly mergedWith?: readonly string[];\n',
    },
    {
      file: 'libs/facts/src/coverage.ts',
      find: "  if (type !== 'pa.member-merged.v1') return undefined;\n",
      replace:
        "  if (type === 'pa.member-deceased.v1') return withDeath(part, record);\n" +
        "  if (type !== 'pa.member-merged.v1') return undefined;\n",
    },
    { file: 'libs/facts/src/coverage.ts', find: '\nconst stepOf = (', replace: FOLD },
    {
      file: 'libs/facts/src/coverage.ts',
      find: "'coverage' | 'mergedWith' |",
      replace: "'coverage' | 'deceased' | 'mergedWith' |",
    },
    {
      file: 'libs/facts/src/coverage.ts',
      find: '  coverage: coverageFacts(part),\n',
      replace:
        '  coverage: coverageFacts(part),\n' +
        '  ...(part?.deceased !== undefined && { deceased: pieces(part.deceased) }),\n',
    },
    {
      file: 'libs/facts/src/coverage.ts',
      find: '  ...(part?.all ?? []),\n];',
      replace: '  ...(part?.all ?? []),\n  ...(part?.deceased ?? []),\n];',
    },
    {
      file: 'libs/domain/src/access/decide.ts',
      find: '  readonly coverage: readonly CoverageFact[];\n',
      replace: '  readonly coverage: readonly CoverageFact[];\n  readonly deceased?: readonly Interval[];\n',
    },
    {
      file: 'libs/domain/src/access/decide.ts',
      find: '  const { group } = request.purpose;\n',
      replace:
        "  if (member.deceased?.some((d) => applies(d, now))) return deny('deceased');\n" +
        '  const { group } = request.purpose;\n',
    },
    {
      file: 'docs/refusals.md',
      find: '| `not-attributed` |',
      replace: '| `deceased` | The member died. | A corrected event of the payer. |\n| `not-attributed` |',
    },
    {
      file: 'libs/events/fixtures/payer.member-deceased.v1.json',
      text: fixture('payer.member-deceased.v1', 'urn:example:payer', { on: '2026-02-28' }),
    },
    {
      file: 'libs/events/fixtures/pa.member-deceased.v1.json',
      text: fixture('pa.member-deceased.v1', 'urn:provider-access:attribution', {
        member: 'member-1',
        from: '2026-03-01T00:00:00.000Z',
        businessTime: '2026-03-01T08:30:00.000Z',
      }),
    },
    {
      file: 'libs/events/src/payer-contract.unit.spec.ts',
      find: "    ['payer.members-merged.v1', 'member'],\n",
      replace: "    ['payer.member-deceased.v1', 'member'],\n    ['payer.members-merged.v1', 'member'],\n",
    },
    { file: 'services/attribution/src/deceased.int.spec.ts', text: DENIES },
  ],
  commands: [
    'npm run asyncapi -w @provider-access/events',
    'npm run openapi -w @provider-access/standalone',
    'npm run metrics-page -w @provider-access/service',
    'cd services/attribution && npx vitest run --project npm src/deceased src/domain/decide-member-event',
    'cd libs/events && npx vitest run --project npm',
    'cd libs/facts && npx vitest run --project npm src/member-facts src/former-views',
    'cd libs/domain && npx vitest run --project npm src/access',
    'cd tools/site && npx vitest run --project npm src/coverage',
    'cd tools/cli && npx vitest run --project npm src/commands/explanation',
    'grep -q pa.member-deceased.v1 docs/asyncapi.json',
  ],
};
