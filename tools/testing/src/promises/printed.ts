import type { Operation } from './operations.ts';

/** A sequence as a list for people. */
export const printed = (sequence: readonly Operation[]): string =>
  sequence.map((operation, i) => `  ${i + 1}. ${inWords(operation)}`).join('\n');

function inWords({ op, ...about }: Operation): string {
  const inside = (value: unknown): string => {
    if (Array.isArray(value)) return `[${value.map(inside).join('; ')}]`;
    return typeof value === 'object' ? inWords(value as Operation) : String(value);
  };
  const details = Object.entries(about).filter(([, value]) => value !== undefined);
  return [op, ...details.map(([name, value]) => `${name}=${inside(value)}`)].join(' ');
}
