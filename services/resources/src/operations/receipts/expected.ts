import type { ServicePorts } from '@provider-access/service/http';

const NAMESPACE = 'event-receipt';
const KEEP_MS = 30 * 24 * 3600_000;
type Ports = Pick<ServicePorts, 'state' | 'clock'>;

/** Stores how many events of a request are in the log. A receipt is complete when it accounts for this number. */
export async function expectEvents({ state, clock }: Ports, receipt: string, events: number): Promise<void> {
  await state.claims.claim(NAMESPACE, receipt, String(events), clock.now() + KEEP_MS);
}

/** Undefined for an unknown receipt, or while its request runs. */
export async function expectedEvents({ state }: Ports, receipt: string): Promise<number | undefined> {
  const text = await state.claims.get(NAMESPACE, receipt);
  return text === undefined ? undefined : Number(text);
}
