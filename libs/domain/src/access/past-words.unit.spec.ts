import { expect, it } from 'vitest';
import { type PastAnswer, pastInWords } from './past-words.ts';

const THIRD = '2026-03-03T00:00:00.000Z';
const NINTH = '2026-03-09T00:00:00.000Z';
const denied = { at: THIRD, known: THIRD, decision: 'deny', reason: 'not-attributed' } as const;
const learned = { kind: 'attributions', recordedAt: NINTH, from: '2026-03-01T00:00:00.000Z' };

it.each<[string, PastAnswer, string]>([
  [
    'what was learned later',
    { ...denied, later: { decision: 'permit', learned: [learned] } },
    'On 3 March 2026 the platform denied (The member is not attributed to a provider of the app, and no provider of ' +
      'the app attests). It learned on 9 March 2026 that the attribution had begun on 1 March 2026. By what it knows ' +
      'now, it would have permitted.',
  ],
  [
    'an end that was learned later',
    {
      at: NINTH,
      known: NINTH,
      decision: 'permit',
      later: {
        decision: 'deny',
        learned: [{ ...learned, recordedAt: '2026-03-10T06:30:00.000Z', to: THIRD, ended: true }],
      },
    },
    'On 9 March 2026 the platform permitted. It learned on 10 March 2026 at 06:30:00 UTC that the attribution had ' +
      'ended on 3 March 2026. By what it knows now, it would have denied.',
  ],
  [
    'two times',
    { at: THIRD, known: NINTH, decision: 'permit' },
    'By what the platform knew on 9 March 2026, it permits for 3 March 2026.',
  ],
  [
    'nothing new',
    { ...denied, later: { decision: 'deny', reason: 'not-attributed', learned: [] } },
    'On 3 March 2026 the platform denied (The member is not attributed to a provider of the app, and no provider of ' +
      'the app attests). What it knows now changes nothing about that.',
  ],
  [
    'a time before the platform knew anything',
    { at: THIRD, known: THIRD, decision: 'unknown', unknownBefore: NINTH },
    'The answer for 3 March 2026 is unknown: what it recorded before 9 March 2026 is not known.',
  ],
  [
    'what the decision had not read',
    { at: THIRD, known: THIRD, decision: 'permit', unread: ['2026-03-02T23:59:59.998Z'] },
    'On 3 March 2026 the platform permitted. It had not read yet what was recorded on 2 March 2026 at 23:59:59 UTC.',
  ],
])('P19: says %s, with both times', (_, answer, text) => {
  expect(pastInWords(answer).join(' ')).toBe(text);
});
