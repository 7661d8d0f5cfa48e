import { ENGINE_TASK } from './engine.ts';
import { OWN_EFFECT_TASK } from './own-effect.ts';
import type { Task } from './task.ts';

const spec = (project: string, file: string): string => `cd ${project} && npx vitest run --project npm ${file}`;

const TRIAL_OPERATION = `import { Controller, Inject } from '@nestjs/common';
import { FHIR_TYPE } from '@provider-access/service/http';
import { type Asked, type Audited, operation, Operation, ref, SHAPE } from '@provider-access/service/operation';
import { ResourceFinder } from '../find-resource.ts';
import { RESOURCE } from '../read/texts.ts';
import { refused, versionOf } from '../release.ts';

const TRIAL = operation({
  route: 'GET /fhir/{type}/{id}/$trial',
  callers: 'app',
  scope: 'r',
  audit: 'read',
  noId: 'unknown-resource',
  tag: 'Reads and searches',
  summary: 'Read a resource on trial',
  parameters: RESOURCE,
  query: SHAPE,
  answer: { description: 'The resource.', type: FHIR_TYPE, schema: ref('Resource') },
  refusals: ['invalid-request', 'invalid-value', 'not-supported', 'not-found', 'not-acceptable'],
});

/** A read by another name. */
@Controller()
export class TrialController {
  constructor(@Inject(ResourceFinder) private readonly finder: ResourceFinder) {}

  @Operation(TRIAL)
  async trial({ client, type, params, query: shape }: Asked<typeof TRIAL>): Promise<Audited> {
    const found = await this.finder.find(client, type, params.id);
    if (found.kind === 'refused') return refused(found);
    const record = await this.finder.line(found);
    return record === undefined ? refused({ ...found, reason: 'unknown-resource' }) : versionOf(found, record, shape);
  }
}
`;

/** The tasks of a newcomer, each with the number of product files that it may cost. */
export const TASKS: readonly Task[] = [
  {
    name: 'a variable',
    files: 1,
    edits: [
      {
        file: 'services/consent/src/config.ts',
        find: '  UNREADABLE_CONSENT: unreadableConsent,\n',
        replace:
          '  UNREADABLE_CONSENT: unreadableConsent,\n' +
          "  TRIAL_MS: whole(1, 60_000).default(1000).describe('A variable of the trial, in ms.'),\n",
      },
      {
        file: 'services/consent/src/config.ts',
        find: '  unreadableConsent,\n}',
        replace: '  unreadableConsent,\n  whole,\n}',
      },
      {
        file: 'services/consent/src/config.ts',
        find: '  unreadableConsent: env.UNREADABLE_CONSENT,\n',
        replace: '  unreadableConsent: env.UNREADABLE_CONSENT,\n  trialMs: env.TRIAL_MS,\n',
      },
    ],
    commands: [
      'npm run -w @provider-access/standalone configuration',
      'npm run chart',
      spec('services/standalone', 'test/configuration'),
      'grep -q TRIAL_MS docs/configuration.md',
    ],
  },
  {
    name: 'a metric',
    files: 2,
    edits: [
      {
        file: 'libs/service/src/observability/catalogue.ts',
        find: '  // The log\n',
        replace:
          "  pa_trial_requests_total: counter('Requests that the trial counts', { service: label.SERVICE }),\n" +
          '  // The log\n',
      },
      {
        file: 'libs/service/src/http/observe-requests.ts',
        find: "    metrics.move('http_server_active_requests', labels, 1);\n",
        replace:
          "    metrics.move('http_server_active_requests', labels, 1);\n" +
          "    metrics.count('pa_trial_requests_total', { service: labels.service });\n",
      },
    ],
    commands: [
      'npm run metrics-page -w @provider-access/service',
      'npm run generate -w tools/watch',
      spec('libs/service', 'src/observability/metrics src/http/observe-requests'),
      'grep -q pa_trial_requests_total docs/metrics.md',
    ],
  },
  {
    name: 'a kind of refusal',
    files: 1,
    edits: [
      {
        file: 'libs/kernel/src/refusal.ts',
        find: "  gone: { status: 410, issue: 'deleted', oauth: 'not_found' },\n",
        replace:
          "  gone: { status: 410, issue: 'deleted', oauth: 'not_found' },\n" +
          "  'trial-failed': { status: 412, issue: 'conflict', oauth: 'invalid_request' },\n",
      },
      {
        file: 'docs/refusals.md',
        find: '| `too-large` | 413 |',
        replace:
          '| `trial-failed` | 412 | The trial failed. | Try again. | `conflict` | `invalid_request` |\n' +
          '| `too-large` | 413 |',
      },
    ],
    commands: [spec('tools/site', 'src/coverage')],
  },
  {
    name: 'an operation',
    files: 2,
    edits: [
      { file: 'services/resources/src/operations/trial/trial.controller.ts', text: TRIAL_OPERATION },
      {
        file: 'services/resources/src/resources.module.ts',
        find: "import { ReadController } from './operations/read/read.controller.ts';\n",
        replace:
          "import { ReadController } from './operations/read/read.controller.ts';\n" +
          "import { TrialController } from './operations/trial/trial.controller.ts';\n",
      },
      {
        file: 'services/resources/src/resources.module.ts',
        find: '  ReadController,\n  HistoryController,\n',
        replace: '  ReadController,\n  TrialController,\n  HistoryController,\n',
      },
    ],
    commands: [
      'npm run openapi -w @provider-access/standalone',
      spec('services/standalone', 'test/openapi'),
      "grep -q 'Read a resource on trial' docs/openapi.json",
    ],
  },
  ENGINE_TASK,
  {
    name: 'a reason of a refusal',
    files: 1,
    edits: [
      {
        file: 'libs/events/src/audit-words.ts',
        find: "  'export-gone': 'The app deleted the export, or it expired.',\n",
        replace:
          "  'export-gone': 'The app deleted the export, or it expired.',\n" +
          "  'export-on-trial': 'The export belongs to a trial.',\n",
      },
      {
        file: 'docs/refusals.md',
        find: '| `export-gone` |',
        replace: '| `export-on-trial` | The export belongs to a trial. | The end of the trial. |\n| `export-gone` |',
      },
    ],
    commands: [
      'npm run metrics-page -w @provider-access/service',
      spec('tools/site', 'src/coverage'),
      'grep -q export-on-trial docs/metrics.json',
    ],
  },
  {
    name: 'an event with an existing effect',
    files: 2,
    edits: [
      {
        file: 'libs/events/src/payer-events.ts',
        find: 'const memberTerminated = z.object({ coverageId: id.optional(), to: instantOrDate });\n',
        replace:
          'const memberTerminated = z.object({ coverageId: id.optional(), to: instantOrDate });\n' +
          'const memberDied = z.object({ on: instantOrDate });\n',
      },
      {
        file: 'libs/events/src/payer-events.ts',
        find: "  'payer.members-merged.v1': {\n",
        replace: `  'payer.member-died.v1': {
    topic: 'payer.member-events',
    owner: 'attribution',
    denies: 'member',
    schema: memberDied,
    title: 'The member died',
  },
  'payer.members-merged.v1': {
`,
      },
      {
        file: 'services/attribution/src/domain/decide-member-event.ts',
        find: "    case 'payer.members-merged.v1': {\n",
        replace: `    case 'payer.member-died.v1': {
      const end = endOf(days, event.data.on);
      if (end === undefined) return invalid('data.on: needs the day of the death');
      return coverage({ coverageId: EVERY_COVERAGE, from: end, cancelled: true });
    }
    case 'payer.members-merged.v1': {
`,
      },
      {
        file: 'libs/events/fixtures/payer.member-died.v1.json',
        text: `${JSON.stringify(
          {
            specversion: '1.0',
            id: 'event-60',
            source: 'urn:example:payer',
            type: 'payer.member-died.v1',
            time: '2026-03-01T08:30:00.000Z',
            subject: 'member-1',
            datacontenttype: 'application/json',
            data: { on: '2026-02-28' },
          },
          undefined,
          2,
        )}\n`,
      },
    ],
    commands: [
      'npm run asyncapi -w @provider-access/events',
      'npm run openapi -w @provider-access/standalone',
      spec('services/attribution', 'src/domain/decide-member-event'),
      'grep -q payer.member-died.v1 docs/asyncapi.json',
    ],
  },
  OWN_EFFECT_TASK,
];
