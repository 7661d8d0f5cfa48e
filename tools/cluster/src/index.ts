export { codeOf, mergePatch, orMissing } from './api.ts';
export type { Api } from './api.ts';
export { openCluster } from './cluster.ts';
export type { Cluster } from './cluster.ts';
export type { Values } from './helm.ts';
export { IMAGE, providerAccess } from './images.ts';
export { whyNot } from './namespace.ts';
export { ALSO_ROUTES_OF } from './proxy/ingress.ts';
