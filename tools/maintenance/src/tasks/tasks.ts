import type { Task } from './task.ts';

const spec = (project: string, file: string): string => `cd ${project} && npx vitest run --project npm ${file}`;

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
          "  pa_trial_requests_total: counter('Requests that the trial counts', { service: SERVICE }),\n  // The log\n",
      },
      {
        file: 'libs/service/src/http/measure-requests.ts',
        find: "    metrics.move('http_server_active_requests', labels, 1);\n",
        replace:
          "    metrics.move('http_server_active_requests', labels, 1);\n" +
          "    metrics.count('pa_trial_requests_total', labels);\n",
      },
    ],
    commands: [
      'npm run metrics-page -w @provider-access/service',
      'npm run generate -w tools/watch',
      spec('libs/service', 'src/observability/metrics src/http/measure-requests'),
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
];
