import { series, type CaseTable } from './case.ts';

const of = { topic: 'payer.member-events', group: 'resources-intake' };
const oldest = series('pa_log_oldest_unhandled_seconds', of);
const handled = (instance = 'a'): string => series('pa_log_handled_total', of, instance);
const view = { view: 'records_records_v1', topic: 'pa.records' };

export const intakeCases: CaseTable = {
  IntakeStuck: [
    {
      when: 'nothing is handled while events wait',
      series: { [oldest]: '0x5 60+60x30', [handled()]: '100x40' },
      at: 18,
      fires: [
        { labels: of, summary: 'resources-intake does not get on with payer.member-events: an event waits for 13m 0s' },
      ],
    },
    {
      when: 'the process that handled is gone',
      series: { [oldest]: '0x5 60+60x30', [handled('b')]: '100+50x5 _x40' },
      at: 18,
      fires: [
        { labels: of, summary: 'resources-intake does not get on with payer.member-events: an event waits for 13m 0s' },
      ],
    },
    {
      when: 'one partition fails again and again, the others go on',
      series: {
        [oldest]: '0x5 60+60x30',
        [handled()]: '100+50x40',
        [series('pa_log_handle_failures_total', of)]: '0+2x40',
      },
      at: 18,
      fires: [
        { labels: of, summary: 'resources-intake does not get on with payer.member-events: an event waits for 13m 0s' },
      ],
    },
    {
      when: 'a bulk load is behind and handled by one of two',
      series: { [oldest]: '0x5 60+60x60', [handled()]: '100x70', [handled('b')]: '100+500x70' },
      at: 50,
      fires: [],
    },
    { when: 'there is nothing to handle', series: { [oldest]: '0x60', [handled()]: '100x60' }, at: 50, fires: [] },
  ],
  ViewStuck: [
    {
      when: 'its age grows as the clock',
      series: { [series('pa_view_freshness_seconds', view)]: '0x5 60+60x40' },
      at: 30,
      fires: [{ labels: { view: view.view }, summary: 'records_records_v1 does not show what is 25m 0s old' }],
    },
    {
      when: 'it catches up slowly',
      series: { [series('pa_view_freshness_seconds', view)]: '3600-10x60' },
      at: 40,
      fires: [],
    },
    {
      when: 'it is two minutes behind',
      series: { [series('pa_view_freshness_seconds', view)]: '120x60' },
      at: 40,
      fires: [],
    },
  ],
  RebuildStuck: [
    {
      when: 'two builds for seven hours',
      series: { [series('pa_view_builds', { view: view.view })]: '2x500' },
      at: 420,
      fires: [
        {
          labels: { view: view.view },
          summary: 'records_records_v1 is built beside the live one since more than six hours',
        },
      ],
    },
    {
      when: 'a rebuild of five hours',
      series: { [series('pa_view_builds', { view: view.view })]: '2x300 1x200' },
      at: 420,
      fires: [],
    },
  ],
};
