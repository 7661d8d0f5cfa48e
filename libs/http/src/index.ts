export * from './clock.ts';
export * from './ports.ts';
export * from './poll.ts';
export * from './refusal.ts';
export * from './app.ts';
export { onward } from './trace-requests.ts';
export * from './views-controller.ts';
export * from './view-metrics.ts';
export * from './intake-metrics.ts';
