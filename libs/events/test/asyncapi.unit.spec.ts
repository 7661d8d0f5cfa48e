import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXPORT_EVENTS, PAYER_EVENTS, PLATFORM_EVENTS, SERVICE_LEVEL_EVENTS } from '../src/index.ts';
import { ASYNCAPI_FILE, asyncapi, asyncapiText } from '../scripts/asyncapi.ts';

interface Document {
  channels: Record<string, { messages: Record<string, { $ref: string }> }>;
  components: { messages: Record<string, { payload: { type?: string } }> };
}

describe('docs/asyncapi.json', () => {
  it('is what the schemas generate (run scripts/asyncapi.ts after a change)', () => {
    expect(readFileSync(ASYNCAPI_FILE, 'utf8')).toBe(asyncapiText());
  });

  it('shows every event in a channel, and refers to nothing that is missing', () => {
    const { channels, components } = asyncapi() as unknown as Document;
    const shown = new Set(Object.values(channels).flatMap((channel) => Object.keys(channel.messages)));
    expect([...shown].sort()).toEqual(
      Object.keys({ ...PAYER_EVENTS, ...PLATFORM_EVENTS, ...EXPORT_EVENTS, ...SERVICE_LEVEL_EVENTS }).sort(),
    );
    for (const type of shown) expect(components.messages[type]!.payload.type).toBe('object');
  });
});
