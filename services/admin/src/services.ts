import { ATTRIBUTION_PROJECTIONS, ATTRIBUTION_SUBSCRIPTIONS } from '@provider-access/attribution';
import { CONSENT_SUBSCRIPTIONS } from '@provider-access/consent';
import { SERVICES, type Service } from '@provider-access/events';
import type { ConsumerGroup } from '@provider-access/engines/log';
import { EXPORT_PROJECTIONS, EXPORT_SUBSCRIPTIONS } from '@provider-access/export';
import { RESOURCES_PROJECTIONS, RESOURCES_SUBSCRIPTIONS } from '@provider-access/resources';
import { collectionName, type Projection } from '@provider-access/engines/views';

/** The consumer groups and views of a service, from its index. */
export interface ServiceDeclaration {
  readonly service: Service;
  readonly subscriptions: readonly ConsumerGroup[];
  readonly projections: readonly Projection[];
}

const consumed: Readonly<Record<Service, Omit<ServiceDeclaration, 'service'>>> = {
  auth: { subscriptions: [], projections: [] },
  attribution: { subscriptions: Object.values(ATTRIBUTION_SUBSCRIPTIONS), projections: ATTRIBUTION_PROJECTIONS },
  consent: { subscriptions: Object.values(CONSENT_SUBSCRIPTIONS), projections: [] },
  resources: { subscriptions: Object.values(RESOURCES_SUBSCRIPTIONS), projections: RESOURCES_PROJECTIONS },
  export: { subscriptions: Object.values(EXPORT_SUBSCRIPTIONS), projections: EXPORT_PROJECTIONS },
};

export const DECLARATIONS: readonly ServiceDeclaration[] = SERVICES.map((service) => ({
  service,
  ...consumed[service],
}));
/** Every view of the platform. */
export const PROJECTIONS: readonly Projection[] = DECLARATIONS.flatMap(({ projections }) => projections);

/** The consumer group under which a view is kept (`ProjectionSet`). */
export const viewGroup = (projection: Projection): string => `view/${collectionName(projection)}`;

/** The beginning of the groups of all versions of a view, because two versions run at once in an upgrade. */
export const viewGroups = (projection: Projection): string =>
  viewGroup(projection).slice(0, -String(projection.version).length);
