import { firesAt, silentAt, series, type CaseTable } from './case.ts';

const of = { topic: 'payer.member-events', group: 'resources-intake' };
const oldest = series('pa_log_oldest_unhandled_seconds', of);
const handled = (instance = 'a'): string => series('pa_log_handled_total', of, instance);
const view = { view: 'records_records_v1', topic: 'pa.records' };

const silence = (type: string, instance = 'a'): string =>
  series('pa_feed_silence_ratio', { source: 'urn:roster', type }, instance);

export const intakeCases: CaseTable = {
  FeedSilent: [
    firesAt(
      40,
      'the roster of the night does not come, as two processes measure it',
      {
        [silence('payer.attribution-asserted')]: '0.9+0.01x60',
        [silence('payer.attribution-asserted', 'b')]: '0.9+0.01x60',
        [silence('Observation')]: '0.1x60',
      },
      {
        labels: { source: 'urn:roster', type: 'payer.attribution-asserted' },
        summary: 'urn:roster has sent no payer.attribution-asserted for 1.3 times the expected time',
      },
    ),
    firesAt(
      20,
      'a feed has never come',
      { [silence('payer.member-opted-out')]: Array.from({ length: 22 }, () => '+Inf').join(' ') },
      {
        labels: { source: 'urn:roster', type: 'payer.member-opted-out' },
        summary: 'urn:roster has sent no payer.member-opted-out for +Inf times the expected time',
      },
    ),
    silentAt(40, 'it comes ten minutes late', { [silence('payer.attribution-asserted')]: '1.01x10 0x40' }),
    silentAt(60, 'it is due soon', { [silence('payer.attribution-asserted')]: '0.99x70' }),
  ],
  NoticesOverdue: [
    firesAt(
      90,
      'letters were not sent, as two processes count them',
      { [series('pa_notices_overdue')]: '0x10 3x120', [series('pa_notices_overdue', {}, 'b')]: '0x12 3x120' },
      { summary: '3 notices to members are overdue' },
    ),
    silentAt(60, 'they are reported in time', { [series('pa_notices_overdue')]: '0x10 3x30 0x40' }),
    silentAt(90, 'nothing is overdue', { [series('pa_notices_overdue')]: '0x100' }),
  ],
  IntakeStuck: [
    firesAt(
      18,
      'nothing is handled while events wait',
      { [oldest]: '0x5 60+60x30', [handled()]: '100x40' },
      {
        labels: of,
        summary: 'resources-intake handles no events of payer.member-events: the oldest has waited for 13m 0s',
      },
    ),
    firesAt(
      18,
      'the process that handled is gone',
      { [oldest]: '0x5 60+60x30', [handled('b')]: '100+50x5 _x40' },
      {
        labels: of,
        summary: 'resources-intake handles no events of payer.member-events: the oldest has waited for 13m 0s',
      },
    ),
    firesAt(
      18,
      'one partition fails again and again, the others go on',
      {
        [oldest]: '0x5 60+60x30',
        [handled()]: '100+50x40',
        [series('pa_log_handle_failures_total', of)]: '0+2x40',
      },
      {
        labels: of,
        summary: 'resources-intake handles no events of payer.member-events: the oldest has waited for 13m 0s',
      },
    ),
    silentAt(50, 'a bulk load is behind and handled by one of two', {
      [oldest]: '0x5 60+60x60',
      [handled()]: '100x70',
      [handled('b')]: '100+500x70',
    }),
    silentAt(50, 'there is nothing to handle', { [oldest]: '0x60', [handled()]: '100x60' }),
  ],
  ViewStuck: [
    firesAt(
      30,
      'its age grows as the clock',
      { [series('pa_view_freshness_seconds', view)]: '0x5 60+60x40' },
      { labels: { view: view.view }, summary: 'records_records_v1 is 25m 0s behind and does not catch up' },
    ),
    silentAt(40, 'it catches up slowly', { [series('pa_view_freshness_seconds', view)]: '3600-10x60' }),
    silentAt(40, 'it is two minutes behind', { [series('pa_view_freshness_seconds', view)]: '120x60' }),
  ],
  RebuildStuck: [
    firesAt(
      420,
      'two builds for seven hours',
      { [series('pa_view_builds', { view: view.view })]: '2x500' },
      {
        labels: { view: view.view },
        summary: 'A second build of records_records_v1 has existed for more than six hours',
      },
    ),
    silentAt(420, 'a rebuild of five hours', { [series('pa_view_builds', { view: view.view })]: '2x300 1x200' }),
  ],
};
