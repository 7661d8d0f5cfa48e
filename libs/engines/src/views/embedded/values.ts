import type { Scalar } from '../projection.ts';

/** The value in the form that SQLite stores and compares. */
export const bound = (value: unknown): string | number | null =>
  typeof value === 'boolean' ? Number(value) : typeof value === 'string' || typeof value === 'number' ? value : null;

/** Whether `value` is within a bound of the same type, as the index compares. */
export function inside(value: Scalar, op: string, limit: Scalar): boolean {
  if (typeof value !== typeof limit) return false;
  const c =
    typeof value === 'string'
      ? Buffer.compare(Buffer.from(value), Buffer.from(limit as string))
      : Number(value) - Number(limit);
  return op === '>' ? c > 0 : op === '>=' ? c >= 0 : op === '<' ? c < 0 : c <= 0;
}
