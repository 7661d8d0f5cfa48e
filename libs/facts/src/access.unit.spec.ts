import { expect, it } from 'vitest';
import { PA_CONSENT, PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { Access, type AccessOptions } from './access.ts';
import type { Parties } from './parties.ts';

/** Party facts that pass when the test says so. */
function parties(): Pick<Parties, 'waitFor' | 'waitForDerived'> & { pass(passed: boolean): void } {
  let pass: (passed: boolean) => void = () => undefined;
  const passed = new Promise<boolean>((resolve) => (pass = resolve));
  return { waitFor: () => passed, waitForDerived: () => passed, pass };
}
const own = { waitFor: async () => true, waitForDerived: async () => true };
const access = (): Access => new Access({ reader: own, parties: own } as unknown as AccessOptions);

it.each([
  ['payer events', (a: Access) => a.waitForPayerEverywhere({ [PAYER_MEMBER_EVENTS]: [1] }, 1000)],
  ['events of ours', (a: Access) => a.waitForOursEverywhere({ [PA_CONSENT]: [1] }, 1000)],
])('waits for every service of the process to pass %s', async (_, wait) => {
  expect(await wait(access())).toBe(true);
  const [first, second] = [parties(), parties()];
  const together = access();
  together.besides([first, second]);
  let answer: boolean | undefined;
  const waiting = wait(together).then((passed) => (answer = passed));
  first.pass(true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(answer).toBeUndefined();
  second.pass(true);
  await waiting;
  expect(answer).toBe(true);

  const late = parties();
  together.besides([first, late]);
  late.pass(false);
  expect(await wait(together)).toBe(false);
});
