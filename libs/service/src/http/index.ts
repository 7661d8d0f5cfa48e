export { behindUntrustedProxy, lacksTrustedProxy, NO_TRUSTED_PROXY, SHARED_ADDRESS } from './proxy.ts';
export { assertJson } from './accepts-json.ts';
export * from './ports.ts';
export * from './render-refusal.ts';
export * from './app.ts';
export * from './views-controller.ts';
export { zodPipe } from './zod-pipe.ts';
export * from './view-metrics.ts';
export * from './intake-metrics.ts';
