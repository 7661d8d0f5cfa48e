export * from './base32.ts';
export * from './bounded-map.ts';
export * from './clock.ts';
export * from './edit-distance.ts';
export * from './log-line.ts';
export * from './refusal.ts';
export * from './within.ts';
export * from './without-end.ts';
