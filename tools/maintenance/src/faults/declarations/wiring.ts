import type { Fault } from '../fault.ts';

const FRAME = 'libs/process/src/service-module.ts';
const AUTH = 'services/auth/src/auth.module.ts';
const EXPORT = 'services/export/src/export.module.ts';
const RESOURCES = 'services/resources/src/resources.module.ts';

/** A part or a job of a service is not started, not stopped, or gets another setting. */
export const WIRING: readonly Fault[] = [
  {
    id: 'parts-not-stopped',
    what: 'the frame does not stop its parts',
    suites: ['libs/process/src/service-module.int.spec.ts'],
    forms: [
      { file: FRAME, find: 'of this.frame.parts.toReversed()) await part.stop();', replace: 'of []) void part;' },
    ],
  },
  {
    id: 'parts-not-started',
    what: 'the frame does not start its parts',
    suites: ['libs/process/src/service-module.int.spec.ts'],
    forms: [{ file: FRAME, find: 'for (const part of this.frame.parts) await part.start();', replace: '' }],
  },
  {
    id: 'signing-keys-not-started',
    what: 'auth never signs with a key of its file',
    suites: ['services/auth/src/operations/token/token.int.spec.ts'],
    forms: [
      { file: AUTH, find: 'SigningRing, SampledRefusals, Exp', replace: 'SampledRefusals, Exp' },
      { file: AUTH, find: 'await this.auth.signing.start();', replace: '' },
    ],
  },
  {
    id: 'counted-refusals-lost-at-the-stop',
    what: 'refusals that are counted at a stop do not reach the audit',
    suites: [
      'services/auth/src/operations/token/token.int.spec.ts',
      'services/auth/src/operations/token/strangers.int.spec.ts',
      'services/auth/src/instances.int.spec.ts',
    ],
    forms: [
      { file: AUTH, find: 'SigningRing, SampledRefusals, Exp', replace: 'SigningRing, Exp' },
      { file: AUTH, find: 'await this.auth.refusals.stop();', replace: '' },
    ],
  },
  {
    id: 'tokens-of-a-suspended-client',
    what: 'auth keeps verified tokens of a client whose status changed',
    suites: [
      'services/auth/src/operations/introspect/introspection.int.spec.ts',
      'services/auth/src/operations/clients/review.int.spec.ts',
    ],
    forms: [
      {
        file: AUTH,
        find: 'parties.onChange((client) => tokens.drop(client));',
        replace: 'parties.onChange(() => undefined);',
      },
      {
        file: AUTH,
        find: 'auth.parties.onChange((client) => auth.tokens.drop(client));',
        replace: 'auth.parties.onChange(() => undefined);',
      },
    ],
  },
  {
    id: 'export-work-not-stopped',
    what: 'a stop hands no running chunk back',
    suites: ['services/export/test/processes.int.spec.ts', 'services/export/test/lifecycle.int.spec.ts'],
    forms: [
      { file: FRAME, find: 'for (const job of this.jobs().toReversed()) await job.stop();', replace: '' },
      { file: EXPORT, find: 'await this.work.stop();', replace: '' },
    ],
  },
  {
    id: 'notes-of-downloads-not-started',
    what: 'ended downloads are not published',
    suites: ['services/export/test/http.int.spec.ts', 'services/export/test/accounting.int.spec.ts'],
    forms: [
      { file: EXPORT, find: 'jobs: [DownloadNotes, JobWork],', replace: 'jobs: [JobWork],' },
      { file: EXPORT, find: 'downloads.start();', replace: 'void downloads;' },
    ],
  },
  {
    id: 'limit-of-exports-not-passed',
    what: 'the limit of running exports of a client has no effect',
    suites: ['services/export/test/limits.int.spec.ts', 'services/export/test/lifecycle.int.spec.ts'],
    forms: [
      {
        file: 'libs/jobs/src/run/client-limits.ts',
        find: 'length: this.config.runningPerClient }',
        replace: 'length: this.config.runningPerClient * 100 }',
      },
      {
        file: 'services/export/src/context.ts',
        find: 'new RunningSlots(state, streams, clock, config.runningPerClient)',
        replace: 'new RunningSlots(state, streams, clock, config.runningPerClient * 100)',
      },
    ],
  },
  {
    id: 'old-versions-not-expired',
    what: 'the job that removes expired versions is not started',
    suites: [
      'services/resources/src/operations/history/history.int.spec.ts',
      'services/resources/src/intake/versions.int.spec.ts',
      'services/resources/test/instances.int.spec.ts',
    ],
    forms: [
      {
        file: RESOURCES,
        find: 'expiringVersions({ views, clock, logger, retentionMs: versionRetentionMs }),',
        replace: '',
      },
      {
        file: RESOURCES,
        find: 'this.stopExpiring = keepExpiring({',
        replace: 'void ({',
      },
    ],
  },
  {
    id: 'old-authorizations-not-retired',
    what: 'the job that removes old prior authorizations is not started',
    suites: ['services/resources/src/intake/retire-authorizations.int.spec.ts'],
    forms: [
      {
        file: RESOURCES,
        find: 'retiringAuthorizations({ log, views, clock, logger, metrics, retentionMs, sandbox }),',
        replace: '',
      },
      { file: RESOURCES, find: 'this.stopRetiring = keepRetiring({', replace: 'void ({' },
    ],
  },
];
