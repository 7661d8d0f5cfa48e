import type { Fault } from '../fault.ts';

const INTAKE = 'services/resources/src/intake';
const RUN = `${INTAKE}/batch-run.ts`;
const RECORDS = `${INTAKE}/record-intake.ts`;
const STAGES = `${INTAKE}/stages`;
const LEVELS = 'services/resources/test/levels.int.spec.ts';
const FEEDS = 'services/resources/src/operations/feeds/feeds.int.spec.ts';

/** Intake leaves out a stage, or stops at an event. */
export const INTAKE_STAGES: readonly Fault[] = [
  {
    id: 'attachments-left-out',
    what: 'a large attachment is not stored',
    suites: ['services/resources/src/attachments/attachments.int.spec.ts'],
    forms: [
      {
        file: `${STAGES}/attachments.ts`,
        find: "(judgement.kind === 'accept' ? (judgement.attachments ?? []) : [])",
        replace: "(judgement.kind === 'accept' ? [] : [])",
      },
      { file: RECORDS, find: "judgement.kind === 'accept' ? (judgement.attachments ?? []) : [],", replace: '[],' },
    ],
  },
  {
    id: 'persons-left-out',
    what: 'a resource that contains another member is accepted',
    suites: [`${INTAKE}/persons.int.spec.ts`],
    forms: [
      {
        file: `${STAGES}/ownership.ts`,
        find: "if (judgement.kind !== 'accept' || judgement.persons === undefined) return [];",
        replace: "if (judgement.kind !== 'accept' || judgement.persons === undefined || events.length > 0) return [];",
      },
      {
        file: RECORDS,
        find: "if (judgement.kind !== 'accept' || judgement.persons === undefined) return event;",
        replace: "if (judgement.kind !== 'accept' || judgement.about !== undefined) return event;",
      },
    ],
  },
  {
    id: 'feeds-left-out',
    what: 'that a feed came is not reported',
    suites: [FEEDS, LEVELS],
    forms: [
      {
        file: `${STAGES}/service-levels.ts`,
        find: 'const feeds = reported.unreported(counted.values());',
        replace: 'const feeds = reported.unreported(counted.values()).slice(0, 0);',
      },
      {
        file: RECORDS,
        find: 'const feeds = this.reported.news(run.feeds.values());',
        replace: 'const feeds = this.reported.news(run.feeds.values()).slice(0, 0);',
      },
    ],
  },
  {
    id: 'service-levels-left-out',
    what: 'the time until a claim is visible is not measured',
    suites: [LEVELS],
    forms: [
      {
        file: `${STAGES}/service-levels.ts`,
        find: 'starts.push({ objective:',
        replace: 'void ({ objective:',
      },
      {
        file: RECORDS,
        find: 'const starts = run.starts.filter(({ at }) => at >= levelsSince);',
        replace: 'const starts = run.starts.filter(({ at }) => at > Infinity || levelsSince === undefined);',
      },
    ],
  },
  {
    id: 'versions-left-out',
    what: 'a version that is replaced is not kept',
    suites: [`${INTAKE}/versions.int.spec.ts`, 'services/resources/src/operations/history/history.int.spec.ts'],
    forms: [
      {
        file: `${STAGES}/versions.ts`,
        find: 'outputs: () => keeper.keep(batch, versions.superseded),',
        replace: 'outputs: () => keeper.keep(batch, []),',
      },
      { file: RECORDS, find: 'await this.versions.keep(batch, run.superseded);', replace: '' },
    ],
  },
  {
    id: 'profiles-left-out',
    what: 'what a resource lacks of its profiles is not reported',
    suites: [FEEDS],
    forms: [
      {
        file: `${STAGES}/profiles.ts`,
        find: 'if (checked.length === 0 || batch',
        replace: 'if (checked.length >= 0 || batch',
      },
      { file: RECORDS, find: 'if (checked.length === 0 || batch', replace: 'if (checked.length >= 0 || batch' },
    ],
  },
  {
    id: 'ownership-left-out',
    what: 'an event replaces a resource of another member',
    suites: [`${INTAKE}/intake.int.spec.ts`, `${INTAKE}/faults.int.spec.ts`],
    forms: [
      {
        file: `${STAGES}/ownership.ts`,
        find: 'if (!owners.mayTakeOver(other, about.member)) return',
        replace: 'if (owners.owners.size === 0) return',
      },
      {
        file: RUN,
        find: 'if (other !== undefined && !owners.mayTakeOver(other, about.member))',
        replace: 'if (other !== undefined && owners.owners.size === 0)',
      },
    ],
  },
  {
    id: 'targets-left-out',
    what: 'a Provenance names a resource of another member',
    suites: [`${INTAKE}/targets.int.spec.ts`],
    forms: [
      {
        file: `${STAGES}/ownership.ts`,
        find: 'if (owners.anotherHolds(targets, about.member)) {',
        replace: 'if (owners.anotherHolds([], about.member)) {',
      },
      {
        file: RUN,
        find: 'if (owners.anotherHolds(judgement.targets ?? [], about.member))',
        replace: 'if (owners.anotherHolds([], about.member))',
      },
    ],
  },
  {
    id: 'event-stops-its-partition',
    what: 'an event at which the platform fails stops its partition',
    suites: [`${INTAKE}/faults.int.spec.ts`, 'libs/intake/src/frame.int.spec.ts'],
    forms: [
      {
        file: 'libs/intake/src/attempt.ts',
        find: 'return { offset, fault: INTERNAL_FAULT, error };',
        replace: 'throw error;',
      },
      { file: RECORDS, find: 'return { event, fault: INTERNAL_FAULT };', replace: 'throw error;' },
    ],
  },
  {
    id: 'time-of-an-export-left-out',
    what: 'a derived event is older than an export that lacks it',
    suites: ['libs/intake/src/frame.int.spec.ts', 'libs/intake/src/resolutions.int.spec.ts'],
    forms: [
      {
        file: 'libs/intake/src/attempt.ts',
        find: 'if (!role.recordedAtHeader || times.newest === 0) return outputs;',
        replace: 'if (!role.recordedAtHeader || times.newest >= 0) return outputs;',
      },
      {
        file: 'libs/intake/src/attempt.ts',
        find: 'this.recordedAt = newest > 0 ? { [RECORDED_AT_HEADER]: instant(newest) } : {};',
        replace: 'this.recordedAt = newest < 0 ? { [RECORDED_AT_HEADER]: instant(newest) } : {};',
      },
    ],
  },
];
