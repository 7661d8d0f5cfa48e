import { firesAt, silentAt, series, type CaseTable } from './case.ts';

const ratio = (objective: string, instance = 'a'): string =>
  series('pa_slo_oldest_elapsed_ratio', { objective }, instance);
const total = (objective: string, result: string): string => series('pa_slo_total', { objective, result });

export const serviceLevelCases: CaseTable = {
  ServiceLevelAtRisk: [
    firesAt(
      12,
      'the oldest export has used more than half of its day for ten minutes',
      { [ratio('answered')]: '0.55x30', [ratio('claims-visible')]: '0.01x30' },
      { labels: { objective: 'answered' }, summary: 'The oldest open answered has used 55% of its business day' },
    ),
    silentAt(12, 'it is answered after nine minutes', { [ratio('answered')]: '0.55x8 0x20' }),
    silentAt(30, 'half is not reached', { [ratio('answered')]: '0.49x30' }),
    silentAt(30, 'an opt-out has used half of its second', { [ratio('opt-out-effective')]: '0.9x30' }),
  ],
  ServiceLevelNearlyMissed: [
    firesAt(
      6,
      'a claim is not visible after 80 % of a business day, as one of two processes measures it',
      { [ratio('claims-visible')]: '0.85x30', [ratio('claims-visible', 'b')]: '0x30' },
      {
        labels: { objective: 'claims-visible' },
        summary: 'The oldest open claims-visible is at 0.85 times its deadline',
      },
    ),
    firesAt(
      6,
      'an opt-out is not effective after 45 seconds',
      { [ratio('opt-out-effective')]: '45+60x30' },
      {
        labels: { objective: 'opt-out-effective' },
        summary: 'The oldest open opt-out-effective is at 405.00 times its deadline',
      },
    ),
    silentAt(30, 'an opt-out takes five seconds', { [ratio('opt-out-effective')]: '5x30' }),
    silentAt(30, 'only the ticket is due', { [ratio('answered')]: '0.6x30' }),
  ],
  ServiceLevelMissed: [
    firesAt(
      15,
      'one was answered too late',
      { [total('answered', 'missed')]: '0x10 1x200', [total('answered', 'met')]: '5+1x210' },
      { labels: { objective: 'answered' }, summary: '1 of answered ended after the deadline within the last hour' },
    ),
    silentAt(80, 'an hour later', {
      [total('answered', 'missed')]: '0x10 1x200',
      [total('answered', 'met')]: '5+1x210',
    }),
    silentAt(50, 'opt-outs are late: that has an alert of its own', {
      [total('opt-out-effective', 'missed')]: '0+1x100',
    }),
  ],
  OptOutsLate: [
    firesAt(
      70,
      'one in two is late',
      { [total('opt-out-effective', 'missed')]: '0+5x120', [total('opt-out-effective', 'met')]: '0+5x120' },
      { labels: { objective: 'opt-out-effective' }, summary: '50% of opt-outs take longer than a second' },
    ),
    firesAt(
      400,
      'one in ten is late since hours',
      { [total('opt-out-effective', 'missed')]: '0+1x420', [total('opt-out-effective', 'met')]: '0+9x420' },
      { labels: { objective: 'opt-out-effective' }, summary: '10% of opt-outs take longer than a second' },
    ),
    silentAt(95, 'it was so, and is over since more than half an hour', {
      [total('opt-out-effective', 'missed')]: '0+5x60 300x80',
      [total('opt-out-effective', 'met')]: '0+5x140',
    }),
    silentAt(45, 'two of two in an hour are late: too few to wake anybody', {
      [total('opt-out-effective', 'missed')]: '0x30 1x10 2x30',
      [total('opt-out-effective', 'met')]: '0x70',
    }),
    silentAt(400, 'one in a thousand is late', {
      [total('opt-out-effective', 'missed')]: '0+1x420',
      [total('opt-out-effective', 'met')]: '0+999x420',
    }),
  ],
};
