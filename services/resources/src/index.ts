export { ResourcesModule } from './resources.module.ts';
export { resourcesConfig, resourcesEnv, resourcesSettings } from './config.ts';
export { PROJECTIONS as RESOURCES_PROJECTIONS } from './projections/index.ts';
export { SUBSCRIPTIONS as RESOURCES_SUBSCRIPTIONS } from './subscriptions.ts';
