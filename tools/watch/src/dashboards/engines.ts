import { largest, lines, perSecond, quantile, RATE, states, table, type Dashboard } from './panels.ts';

const PROCESS = '{{pod}} {{instance}}';

/** Kafka, MongoDB and the processes themselves. */
export const enginesDashboard: Dashboard = {
  name: 'engines',
  title: 'Provider Access / 5 Engines and processes',
  about:
    'Whether Kafka and MongoDB answer, and what each process needs. The engines have dashboards of their own: this ' +
    'is how we see them.',
  rows: [
    {
      title: 'Engines',
      panels: [
        states(
          'Reachable',
          'none',
          'As seen by the process that sees least.',
          [['{{engine}}', (of) => `min by (engine) (${of('pa_engine_reachable')})`]],
          { width: 12, words: { 0: 'away', 1: 'there' }, steps: ['red', [1, 'green']] },
        ),
        lines(
          'Processes that cannot reach one',
          'short',
          'One of many: its network or its secret. All: the engine.',
          [['{{engine}}', (of) => `count by (engine) (${of('pa_engine_reachable')} == 0)`]],
          { width: 12 },
        ),
        lines('Appends', 'cps', 'By topic.', [['{{topic}}', perSecond('pa_log_appended_total', 'topic')]], {
          width: 12,
          stacked: true,
        }),
        lines(
          'Appends that failed',
          'cps',
          'By topic. Normal is none.',
          [['{{topic}}', perSecond('pa_log_append_failures_total', 'topic')]],
          { width: 12, stacked: true },
        ),
        lines(
          'Free bytes of disks',
          'bytes',
          'data: of npm start. files: of exports with FILES=fs. Told at eight times what is kept free.',
          [
            ['{{folder}}', (of) => `min by (folder) (${of('pa_disk_free_bytes')})`],
            ['{{folder}}: kept free', largest('pa_disk_kept_free_bytes', 'folder')],
          ],
          { width: 12, min: 0 },
        ),
      ],
    },
    {
      title: 'Requests',
      panels: [
        lines(
          'By route',
          'reqps',
          'As the router has it.',
          [
            [
              '{{service}} {{method}} {{route}}',
              perSecond('http_server_request_duration_seconds_count', 'service, method, route'),
            ],
          ],
          { width: 12 },
        ),
        lines(
          'By status',
          'reqps',
          'All services.',
          [['{{status}}', perSecond('http_server_request_duration_seconds_count', 'status')]],
          { stacked: true, width: 6 },
        ),
        lines(
          'Being answered',
          'short',
          'At this moment.',
          [['{{service}}', (of) => `sum by (service) (${of('http_server_active_requests')})`]],
          { width: 6 },
        ),
        table(
          '95 % within, by route',
          's',
          'In the range shown, slowest first.',
          [
            [
              '95 %',
              (of) =>
                'topk(20, histogram_quantile(0.95, sum by (le, service, method, route) ' +
                `(rate(${of('http_server_request_duration_seconds_bucket')}[$__range]))))`,
            ],
          ],
          { width: 12 },
        ),
        lines(
          'Half and 99 %',
          's',
          'All routes of a service.',
          [
            ['{{service}} half', quantile(0.5, 'http_server_request_duration_seconds', 'service')],
            ['{{service}} 99 %', quantile(0.99, 'http_server_request_duration_seconds', 'service')],
          ],
          { width: 12 },
        ),
      ],
    },
    {
      title: 'Processes',
      panels: [
        lines('Processor', 'percentunit', 'Of one core.', [
          [PROCESS, (of) => `rate(${of('process_cpu_seconds_total')}[${RATE}])`],
        ]),
        lines('Resident memory', 'bytes', 'At the limit the kernel ends the process.', [
          [PROCESS, (of) => of('process_resident_memory_bytes')],
        ]),
        lines(
          'Share of the memory limit',
          'percentunit',
          'Of the container. Told at 90 %.',
          [
            [
              PROCESS,
              (of) =>
                `${of('process_resident_memory_bytes')} / on (namespace, pod, instance) ${of('pa_memory_limit_bytes')}`,
            ],
          ],
          { min: 0, max: 1, steps: ['green', [0.9, 'red']] },
        ),
        lines(
          'Event loop delay, 99 %',
          's',
          'What each request waits before anybody looks at it.',
          [[PROCESS, (of) => of('nodejs_eventloop_lag_p99_seconds')]],
          { steps: ['green', [0.5, 'red']] },
        ),
        lines('Open handles', 'short', 'Connections, files, timers. Growing without end is a leak.', [
          [PROCESS, (of) => `sum by (pod, instance) (${of('nodejs_active_handles')})`],
        ]),
        lines('Starts in half an hour', 'short', 'Three are told.', [
          [PROCESS, (of) => `sum by (pod, instance) (changes(${of('process_start_time_seconds')}[30m]))`],
        ]),
        lines('Heap used', 'bytes', 'Of V8; the rest of the resident memory are buffers and threads.', [
          [PROCESS, (of) => of('nodejs_heap_size_used_bytes')],
        ]),
        lines('Garbage collection', 'percentunit', 'Share of time.', [
          ['{{instance}} {{kind}}', (of) => `rate(${of('nodejs_gc_duration_seconds_sum')}[${RATE}])`],
        ]),
        lines('Steps of the probe', 's', 'In its last run.', [
          ['{{step}}', largest('pa_probe_step_duration_seconds', 'step')],
        ]),
      ],
    },
  ],
};
