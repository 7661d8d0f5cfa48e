import { series, type CaseTable } from './case.ts';

const ratio = (objective: string, instance = 'a'): string =>
  series('pa_slo_oldest_elapsed_ratio', { objective }, instance);
const total = (objective: string, result: string): string => series('pa_slo_total', { objective, result });

export const serviceLevelCases: CaseTable = {
  ServiceLevelAtRisk: [
    {
      when: 'the oldest export has used more than half of its day for ten minutes',
      series: { [ratio('answered')]: '0.55x30', [ratio('claims-visible')]: '0.01x30' },
      at: 12,
      fires: [
        { labels: { objective: 'answered' }, summary: 'The oldest open answered has used 55% of its business day' },
      ],
    },
    { when: 'it is answered after nine minutes', series: { [ratio('answered')]: '0.55x8 0x20' }, at: 12, fires: [] },
    { when: 'half is not reached', series: { [ratio('answered')]: '0.49x30' }, at: 30, fires: [] },
    {
      when: 'an opt-out has used half of its second',
      series: { [ratio('opt-out-effective')]: '0.9x30' },
      at: 30,
      fires: [],
    },
  ],
  ServiceLevelNearlyMissed: [
    {
      when: 'a claim is not visible after 80 % of a business day, as one of two processes measures it',
      series: { [ratio('claims-visible')]: '0.85x30', [ratio('claims-visible', 'b')]: '0x30' },
      at: 6,
      fires: [
        {
          labels: { objective: 'claims-visible' },
          summary: 'The oldest open claims-visible is at 0.85 times its deadline',
        },
      ],
    },
    {
      when: 'an opt-out is not effective after 45 seconds',
      series: { [ratio('opt-out-effective')]: '45+60x30' },
      at: 6,
      fires: [
        {
          labels: { objective: 'opt-out-effective' },
          summary: 'The oldest open opt-out-effective is at 405.00 times its deadline',
        },
      ],
    },
    { when: 'an opt-out takes five seconds', series: { [ratio('opt-out-effective')]: '5x30' }, at: 30, fires: [] },
    { when: 'only the ticket is due', series: { [ratio('answered')]: '0.6x30' }, at: 30, fires: [] },
  ],
  ServiceLevelMissed: [
    {
      when: 'one was answered too late',
      series: { [total('answered', 'missed')]: '0x10 1x200', [total('answered', 'met')]: '5+1x210' },
      at: 15,
      fires: [
        { labels: { objective: 'answered' }, summary: '1 of answered ended after the deadline within the last hour' },
      ],
    },
    {
      when: 'an hour later',
      series: { [total('answered', 'missed')]: '0x10 1x200', [total('answered', 'met')]: '5+1x210' },
      at: 80,
      fires: [],
    },
    {
      when: 'opt-outs are late: that has an alert of its own',
      series: { [total('opt-out-effective', 'missed')]: '0+1x100' },
      at: 50,
      fires: [],
    },
  ],
  OptOutsLate: [
    {
      when: 'one in two is late',
      series: { [total('opt-out-effective', 'missed')]: '0+5x120', [total('opt-out-effective', 'met')]: '0+5x120' },
      at: 70,
      fires: [{ labels: { objective: 'opt-out-effective' }, summary: '50% of opt-outs take longer than a second' }],
    },
    {
      when: 'one in ten is late since hours',
      series: { [total('opt-out-effective', 'missed')]: '0+1x420', [total('opt-out-effective', 'met')]: '0+9x420' },
      at: 400,
      fires: [{ labels: { objective: 'opt-out-effective' }, summary: '10% of opt-outs take longer than a second' }],
    },
    {
      when: 'it was so, and is over since more than half an hour',
      series: {
        [total('opt-out-effective', 'missed')]: '0+5x60 300x80',
        [total('opt-out-effective', 'met')]: '0+5x140',
      },
      at: 95,
      fires: [],
    },
    {
      when: 'two of two in an hour are late: too few to wake anybody',
      series: { [total('opt-out-effective', 'missed')]: '0x30 1x10 2x30', [total('opt-out-effective', 'met')]: '0x70' },
      at: 45,
      fires: [],
    },
    {
      when: 'one in a thousand is late',
      series: { [total('opt-out-effective', 'missed')]: '0+1x420', [total('opt-out-effective', 'met')]: '0+999x420' },
      at: 400,
      fires: [],
    },
  ],
};
