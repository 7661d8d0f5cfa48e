export * from './clock.ts';
export * from './ports.ts';
export * from './refusal.ts';
export * from './app.ts';
export * from './views-controller.ts';
export * from './view-metrics.ts';
