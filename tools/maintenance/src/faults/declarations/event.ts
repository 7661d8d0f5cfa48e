import type { Fault } from '../fault.ts';

const DECIDE = 'services/attribution/src/domain/decide-member-event.ts';
const ATTRIBUTION = [
  'services/attribution/src/domain/decide-member-event.unit.spec.ts',
  'services/attribution/src/intake.int.spec.ts',
  'services/attribution/src/attribution.int.spec.ts',
  'services/attribution/src/merge-holds.int.spec.ts',
];
const LABELS = 'libs/service/src/observability/labels.ts';
const METRICS = ['libs/service/src/observability/metrics.unit.spec.ts', 'libs/audit/src/audit.unit.spec.ts'];

const ROWS = 'libs/events/src/payer-events.ts';
const WORDS = 'libs/events/src/audit-words.ts';
/** The row of an event whose dead letter denies nobody. */
const deniesNobody = (schema: string, denies = 'member') => ({
  file: ROWS,
  find: `    denies: '${denies}',\n    schema: ${schema},`,
  replace: `    denies: 'nobody',\n    schema: ${schema},`,
  suites: ['libs/events/src/payer-contract.unit.spec.ts', 'services/attribution/src/unreadable.int.spec.ts'],
});

/** An event that cannot be read denies nobody, or a reason is not known to the audit and the metrics. */
export const EVENT: readonly Fault[] = [
  {
    id: 'unreadable-termination-denies-nobody',
    what: 'an unreadable end of a coverage denies nobody',
    suites: ATTRIBUTION,
    forms: [
      deniesNobody('memberTerminated'),
      { file: DECIDE, find: "  'payer.member-terminated.v1',\n  'payer.members", replace: "  'payer.members" },
    ],
  },
  {
    id: 'unreadable-merge-denies-nobody',
    what: 'an unreadable merge denies nobody',
    suites: ATTRIBUTION,
    forms: [
      deniesNobody('membersMerged'),
      { file: DECIDE, find: "  'payer.members-merged.v1',\n  'payer.attr", replace: "  'payer.attr" },
    ],
  },
  {
    id: 'unreadable-end-of-attribution-denies-nobody',
    what: 'an unreadable end of an attribution denies nobody',
    suites: ATTRIBUTION,
    forms: [
      deniesNobody('attributionEnded'),
      { file: DECIDE, find: "  'payer.attribution-ended.v1',\n  NETWORK_STATUS,", replace: '  NETWORK_STATUS,' },
    ],
  },
  {
    id: 'unreadable-network-status-denies-nobody',
    what: 'an unreadable network status holds no provider',
    suites: ATTRIBUTION,
    forms: [
      deniesNobody('networkStatusChanged', 'source'),
      { file: DECIDE, find: '  NETWORK_STATUS,\n  ...RESOURCE_TYPES,', replace: '  ...RESOURCE_TYPES,' },
    ],
  },
  {
    id: 'unreadable-coverage-denies-nobody',
    what: 'an unreadable Coverage denies nobody',
    suites: ATTRIBUTION,
    forms: [
      deniesNobody('resourceRecorded'),
      { file: DECIDE, find: '  NETWORK_STATUS,\n  ...RESOURCE_TYPES,', replace: '  NETWORK_STATUS,' },
    ],
  },
  {
    id: 'unreadable-opt-out-denies-nobody',
    what: 'an unreadable opt-out makes no hold',
    suites: ['services/consent/src/consent.int.spec.ts', 'services/consent/src/dead-letters.int.spec.ts'],
    forms: [
      {
        file: 'services/consent/src/intake/consent-events.ts',
        find: 'if (isOwn(type) || (ok && type === MERGED)) return true;',
        replace: 'if (ok && type === MERGED) return true;',
      },
    ],
  },
  {
    id: 'denial-counted-as-other',
    what: 'refusals of withheld resources are counted as `other`',
    suites: [...METRICS, 'services/resources/src/operations/read/labels.int.spec.ts'],
    forms: [
      {
        file: WORDS,
        find: "  'withheld-by-label': 'A security label withholds the resource.',\n",
        replace: '',
        suites: 'types',
      },
      { file: LABELS, find: "  'withheld-by-label',\n", replace: '' },
    ],
  },
  {
    id: 'action-counted-as-other',
    what: 'disclosures by vread are counted as `other`',
    suites: [...METRICS, 'services/resources/src/operations/history/history.int.spec.ts'],
    forms: [
      {
        file: WORDS,
        find: "  vread: { purpose: 'TREAT', gives: 'an earlier version read' },\n",
        replace: '',
        suites: 'types',
      },
      {
        file: LABELS,
        find: "export const ACTION = [\n  'read',\n  'vread',\n",
        replace: "export const ACTION = [\n  'read',\n",
      },
    ],
  },
  {
    id: 'action-not-in-the-contract',
    what: 'the audit event does not know the action `explain`',
    suites: [
      'libs/audit/src/audit-event/audit-event.unit.spec.ts',
      'services/attribution/src/operators.int.spec.ts',
      'libs/events/src/envelope.unit.spec.ts',
    ],
    forms: [
      {
        file: WORDS,
        find: "  explain: { purpose: 'HOPERAT', gives: undefined, isLook: true },\n",
        replace: '',
        suites: 'types',
      },
      {
        file: 'libs/events/src/audit-events.ts',
        find: "    'token',\n    'explain',\n  ]),",
        replace: "    'token',\n  ]),",
      },
    ],
  },
  {
    id: 'one-step-of-upcasting',
    what: 'an event is brought only one version further',
    suites: ['libs/events/src/upcast.unit.spec.ts'],
    forms: [
      {
        file: 'libs/events/src/upcast.ts',
        find: 'for (let step = steps.get(type); step !== undefined; step = steps.get(type))',
        replace: 'for (let step = steps.get(type); step !== undefined; step = undefined)',
      },
    ],
  },
];
