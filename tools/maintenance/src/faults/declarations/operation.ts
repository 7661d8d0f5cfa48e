import type { Fault } from '../fault.ts';

const RESOURCES = 'services/resources/src/operations';
const ATTRIBUTION = 'services/attribution/src/operations';
const FRAME = 'libs/service/src/operation';
const READ = `${RESOURCES}/read/read.int.spec.ts`;

/** An operation is answered without its scope, role, decision, audit entry or condition. */
export const OPERATION: readonly Fault[] = [
  {
    id: 'read-without-scope',
    what: 'a read asks for no scope',
    suites: [READ],
    forms: [
      {
        file: `${RESOURCES}/read/texts.ts`,
        find: "  scope: 'r',\n",
        replace: '',
      },
      {
        file: `${RESOURCES}/read/read.controller.ts`,
        find: "  scope: 'r',\n",
        replace: '',
      },
      {
        file: `${RESOURCES}/read/read.controller.ts`,
        find: "requireScope(scopes, type, 'r');",
        replace: 'void scopes;',
      },
    ],
  },
  {
    id: 'group-read-without-scope',
    what: 'a read of a Group asks for no scope',
    suites: ['services/attribution/src/attribution.int.spec.ts', 'services/attribution/src/group-answers.int.spec.ts'],
    forms: [
      {
        file: `${ATTRIBUTION}/read/read.controller.ts`,
        find: "scope: 'r', ",
        replace: '',
      },
      {
        file: `${ATTRIBUTION}/read/read.controller.ts`,
        find: "requireScope(smart.scopes, 'Group', 'r');",
        replace: 'void smart;',
      },
    ],
  },
  {
    id: 'release-without-audit',
    what: 'a read or vread leaves no entry in the audit',
    suites: [READ, `${RESOURCES}/history/history.int.spec.ts`],
    forms: [
      {
        file: `${RESOURCES}/release.ts`,
        find: 'audit: [released(seen, 1)],',
        replace: 'audit: [],',
        suites: 'types',
      },
      {
        file: `${RESOURCES}/release.ts`,
        find: "await recordRelease(audit, asked, seen, current ? 0 : 1, current ? 'not-modified' : undefined);",
        replace: '',
      },
    ],
  },
  {
    id: 'refusal-without-audit',
    what: 'a refused read leaves no entry in the audit',
    suites: [READ],
    forms: [
      {
        file: `${RESOURCES}/release.ts`,
        find: 'audit: [{ refused: { reason: about.reason, members: membersOf(about) } }],',
        replace: 'audit: [],',
        suites: 'types',
      },
      {
        file: `${RESOURCES}/release.ts`,
        find: 'await audit.refuse({ ...aboutOf(asked, about), reason });',
        replace: 'void [audit, asked, reason, about];',
      },
    ],
  },
  {
    id: 'explain-without-audit',
    what: 'an explanation about a member leaves no entry in the audit',
    suites: ['services/attribution/src/operators.int.spec.ts', 'services/attribution/src/attribution.int.spec.ts'],
    forms: [
      {
        file: `${ATTRIBUTION}/ops/explain.controller.ts`,
        find: 'audit: [{ released: { members: [member], resources: 0 } }]',
        replace: 'audit: []',
        suites: 'types',
      },
      {
        file: `${ATTRIBUTION}/ops/explain.controller.ts`,
        find: 'await this.audit.record({',
        replace: 'void ({',
      },
    ],
  },
  {
    id: 'any-tag-is-current',
    what: 'any If-None-Match is answered 304',
    suites: [READ, `${RESOURCES}/history/history.int.spec.ts`],
    forms: [
      {
        file: `${FRAME}/conditional.ts`,
        find: "none.trim() === '*' ||",
        replace: 'true ||',
      },
      {
        file: `${RESOURCES}/conditional.ts`,
        find: 'if (none !== undefined) return matchesVersion(none, current.versionId);',
        replace: 'if (none !== undefined) return true;',
      },
    ],
  },
  {
    id: 'export-of-another-client',
    what: 'a client sees the export of another client',
    suites: ['services/export/test/http.int.spec.ts', 'services/export/test/access.int.spec.ts'],
    forms: [
      {
        file: 'libs/jobs/src/operations/own-jobs.ts',
        find: 'if (job.client !== client) return',
        replace: 'if (job.client === undefined) return',
      },
      {
        file: 'services/export/src/operations/find-job.ts',
        find: 'if (job.client !== client) return',
        replace: 'if (job.client === undefined) return',
      },
    ],
  },
  {
    id: 'receipts-without-role',
    what: 'a receipt of a payer is answered to everybody',
    suites: [`${RESOURCES}/events/events.int.spec.ts`, 'tools/proofs/src/costs.int.spec.ts'],
    forms: [
      {
        file: `${RESOURCES}/receipts/receipts.controller.ts`,
        find: "callers: ['payer', 'engineer'],",
        replace: "callers: 'anybody',",
      },
      {
        file: `${RESOURCES}/receipts/receipts.controller.ts`,
        find: "callers: ['payer', 'administrator'],",
        replace: "callers: 'anybody',",
      },
      {
        file: `${RESOURCES}/receipts/receipts.controller.ts`,
        find: "@UseGuards(StaticTokenGuard('payer', 'administrator'))\n",
        replace: '',
      },
    ],
  },
  {
    id: 'format-not-asked',
    what: 'a read ignores Accept and `_format`',
    suites: [`${RESOURCES}/general-parameters.int.spec.ts`],
    forms: [
      {
        file: `${FRAME}/frame.ts`,
        find: "readGeneral(this.#path.startsWith('/fhir/') ? request.headers.accept : undefined, given)",
        replace: 'readGeneral(undefined, new URLSearchParams())',
      },
      {
        file: `${RESOURCES}/read/read.controller.ts`,
        find: 'readGeneral(request.headers.accept, parametersOf(request.url))',
        replace: 'readGeneral(undefined, new URLSearchParams())',
      },
    ],
  },
  {
    id: 'interaction-not-stated',
    what: 'the CapabilityStatement leaves out an interaction',
    suites: [
      `${RESOURCES}/metadata/capability-statement.unit.spec.ts`,
      'services/standalone/test/openapi.unit.spec.ts',
    ],
    forms: [
      {
        file: `${RESOURCES}/metadata/capability-statement.ts`,
        find: 'on.flatMap(({ interaction }) => interaction ?? [])',
        replace: 'on.flatMap(({ interaction }) => interaction ?? []).slice(1)',
      },
      {
        file: `${RESOURCES}/metadata/capability-statement.ts`,
        find: "'search-type'].map((code) => ({ code })),\n    versioning: 'versioned',\n    readHistory: true,",
        replace:
          "'search-type'].slice(1).map((code) => ({ code })),\n    versioning: 'versioned',\n    readHistory: true,",
      },
    ],
  },
];
