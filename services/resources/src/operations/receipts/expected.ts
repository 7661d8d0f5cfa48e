import type { ServicePorts } from '@provider-access/service/http';

const NAMESPACE = 'event-receipt';
const KEEP_MS = 30 * 24 * 3600_000;
type Ports = Pick<ServicePorts, 'state' | 'clock'>;

/** Remembers how many events of a request are in the log: what a receipt must account for. */
export async function expectEvents({ state, clock }: Ports, receipt: string, events: number): Promise<void> {
  await state.claims.claim(NAMESPACE, receipt, String(events), clock.now() + KEEP_MS);
}

/** undefined for a receipt that was never given, or whose request has not ended. */
export async function expectedEvents({ state }: Ports, receipt: string): Promise<number | undefined> {
  const text = await state.claims.get(NAMESPACE, receipt);
  return text === undefined ? undefined : Number(text);
}
