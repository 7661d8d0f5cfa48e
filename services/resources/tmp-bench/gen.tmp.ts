import { toStructured } from '@provider-access/events';
import { syntheticPayer } from '@provider-access/synthetic';
export function generate(members: number): string[] {
  const payer = syntheticPayer({ members, seed: '1', asOf: '2026-11-01T00:00:00Z' } as any);
  const out: string[] = [];
  for (const e of payer.events()) out.push(typeof e === 'string' ? e : JSON.stringify(toStructured(e)));
  return out;
}
