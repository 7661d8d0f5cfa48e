import { api, ask, type Asked, type Fault } from '../../common/api.ts';
import type { paths } from '../../../generated/openapi.d.ts';

type Health = paths['/ops/health/{service}']['get']['responses']['200']['content']['application/json'];
export type Alert = Health['alerts'][number];
const SERVICES = ['auth', 'attribution', 'consent', 'resources', 'export'] as const;

export interface Answered {
  readonly service: string;
  /** Absent: it does not answer. */
  readonly health?: Health;
}
export interface Platform {
  readonly at: number;
  readonly services: readonly Answered[];
  readonly alerts: readonly Alert[];
}
/** Faults that are of the person or of the whole server, and not of one service. */
const isOfAll = ({ status }: Fault): boolean => status === 401 || status === 403;
/** What one service knows counts more than what another does not. */
const WEIGHT: Readonly<Record<Alert['state'], number>> = {
  holds: 3,
  quiet: 2,
  'not-measured': 1,
  'ask-prometheus': 0,
};

/** Asks each service. It is a fault only if no service answers, or the person may not ask. */
export async function platform(): Promise<Asked<Platform>> {
  const asked = await Promise.all(
    SERVICES.map((service) => ask(api.GET('/ops/health/{service}', { params: { path: { service } } }))),
  );
  const faults = asked.flatMap(({ fault }) => (fault === undefined ? [] : [fault]));
  const fault = faults.find(isOfAll) ?? (faults.length === asked.length ? faults[0] : undefined);
  if (fault !== undefined) return { fault };
  const services = asked.map(({ data }, n) => ({ service: SERVICES[n]!, ...(data !== undefined && { health: data }) }));
  return { data: { at: Date.now(), services, alerts: merged(services) } };
}

/** Each alert once, with what all services say of it. Services of one process say the same. */
function merged(services: readonly Answered[]): readonly Alert[] {
  const all = new Map<string, Alert>();
  for (const alert of services.flatMap(({ health }) => health?.alerts ?? [])) {
    const before = all.get(alert.alert);
    const found = [...new Set([...(before?.found ?? []), ...alert.found])];
    const isMore = before === undefined || WEIGHT[alert.state] > WEIGHT[before.state];
    all.set(alert.alert, { ...(isMore ? alert : before), found });
  }
  return [...all.values()];
}
