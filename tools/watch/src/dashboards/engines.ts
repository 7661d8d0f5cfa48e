import { largest, lines, perSecond, quantile, RATE, states, table, type Dashboard } from './panels.ts';

const PROCESS = '{{pod}} {{instance}}';

/** Kafka, MongoDB and the processes themselves. */
export const enginesDashboard: Dashboard = {
  name: 'engines',
  title: 'Provider Access / 5 Engines and processes',
  about:
    'Whether Kafka and MongoDB answer the services, and the resources of each process. The engines have dashboards ' +
    'of their own.',
  rows: [
    {
      title: 'Engines',
      panels: [
        states(
          'Reachable',
          'none',
          'Whether every process reaches the engine. One process that does not reach it counts as away.',
          [['{{engine}}', (of) => `min by (engine) (${of('pa_engine_reachable')})`]],
          { width: 12, words: { 0: 'away', 1: 'there' }, steps: ['red', [1, 'green']] },
        ),
        lines(
          'Processes that cannot reach one',
          'short',
          'If one of many processes cannot reach an engine, check its network and its secret. If none can, check ' +
            'the engine.',
          [['{{engine}}', (of) => `count by (engine) (${of('pa_engine_reachable')} == 0)`]],
          { width: 12 },
        ),
        lines(
          'Appends',
          'cps',
          'Records that the services append to the log, by topic.',
          [['{{topic}}', perSecond('pa_log_appended_total', 'topic')]],
          { width: 12, stacked: true },
        ),
        lines(
          'Appends that failed',
          'cps',
          'Appends that failed, by topic. Normal is none.',
          [['{{topic}}', perSecond('pa_log_append_failures_total', 'topic')]],
          { width: 12, stacked: true },
        ),
        lines(
          'Free bytes of disks',
          'bytes',
          'data: the data folder of npm start. files: exports with FILES=fs. An alert warns below eight times ' +
            'MIN_FREE_BYTES.',
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
          'Requests a second, by the route that answered.',
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
          'Requests a second of all services, by status.',
          [['{{status}}', perSecond('http_server_request_duration_seconds_count', 'status')]],
          { stacked: true, width: 6 },
        ),
        lines(
          'Being answered',
          'short',
          'Requests that are being answered at this moment, by service.',
          [['{{service}}', (of) => `sum by (service) (${of('http_server_active_requests')})`]],
          { width: 6 },
        ),
        table(
          '95 % within, by route',
          's',
          'Time within which 95 % of requests were answered in the range shown, slowest route first.',
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
          'Time within which half and 99 % of requests were answered, over all routes of a service.',
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
        lines('Processor', 'percentunit', 'CPU time of each process, as a share of one core.', [
          [PROCESS, (of) => `rate(${of('process_cpu_seconds_total')}[${RATE}])`],
        ]),
        lines('Resident memory', 'bytes', 'At the limit the kernel ends the process.', [
          [PROCESS, (of) => of('process_resident_memory_bytes')],
        ]),
        lines(
          'Share of the memory limit',
          'percentunit',
          'Memory of the process as a share of the limit of its container. An alert warns at 90 %.',
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
          'Time that a request waits before the process handles it.',
          [[PROCESS, (of) => of('nodejs_eventloop_lag_p99_seconds')]],
          { steps: ['green', [0.5, 'red']] },
        ),
        lines('Open handles', 'short', 'Connections, files, timers. Growing without end is a leak.', [
          [PROCESS, (of) => `sum by (pod, instance) (${of('nodejs_active_handles')})`],
        ]),
        lines('Starts in half an hour', 'short', 'Three are told.', [
          [PROCESS, (of) => `sum by (pod, instance) (changes(${of('process_start_time_seconds')}[30m]))`],
        ]),
        lines('Heap used', 'bytes', 'Heap of V8. The rest of the resident memory are buffers and threads.', [
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
