import type { Json } from '@provider-access/service/operation';

export const text = (description: string): Json => ({ type: 'string', description });
export const list = (items: Json, description: string): Json => ({ type: 'array', items, description });
export const counts = (description: string): Json => ({
  type: 'object',
  additionalProperties: { type: 'integer' },
  description,
});
export const INSTANT = { type: 'string', format: 'date-time' };
