import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import {
  EXPORT_EVENTS,
  PAYER_EVENTS,
  PLATFORM_EVENTS,
  SERVICE_LEVEL_EVENTS,
  decodeEvent,
  encodeEvent,
  fromStructured,
  PAYER_CONTRACT,
  toStructured,
  UPCASTERS,
  upcasting,
} from '../src/index.ts';

/**
 * A published fixture never changes: it is what lies in logs. New meaning: new version, new fixture, an upcaster; an
 * optional addition: one more fixture of the type (`<type>+<what>.json`).
 */
const folder = new URL('../fixtures/', import.meta.url);
const files = readdirSync(folder);
const read = (file: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Record<string, unknown>;
const schemas: Record<string, { schema: z.ZodType }> = {
  ...PAYER_EVENTS,
  ...PLATFORM_EVENTS,
  ...EXPORT_EVENTS,
  ...SERVICE_LEVEL_EVENTS,
};

describe('published events', () => {
  it.each(Object.keys(schemas))('%s has a fixture', (type) => {
    expect(files).toContain(`${type}.json`);
  });

  it.each(files)('%s is still read, by upcasters and schema, and nothing of it is lost', (file) => {
    const body = read(file);
    expect(file.replace(/\+[a-z-]+\.json$/, '.json')).toBe(`${String(body['type'])}.json`);
    const decoded = fromStructured(body);
    if (!decoded.ok) throw new Error(decoded.detail);
    const current = upcasting(UPCASTERS)(decoded.event);
    expect(schemas[current.type]!.schema.parse(current.data)).toEqual(current.data);
    expect(toStructured(decoded.event)).toEqual(body);
    expect(decodeEvent(encodeEvent(decoded.event))).toEqual(decoded);
  });

  it.each(Object.keys(PAYER_EVENTS))('%s is read as an inbound event', (type) => {
    const decoded = fromStructured(read(`${type}.json`));
    if (!decoded.ok) throw new Error(decoded.detail);
    expect(PAYER_CONTRACT.read(decoded.event)).toMatchObject({ ok: true, event: { type, data: decoded.event.data } });
  });
});
