import type { Listener } from './kafka-properties.ts';

export interface KafkaSecure { readonly ssl: string[] }

export async function secureListeners(_folder: string, _count: number): Promise<{ listeners: Listener[][]; properties: Record<string, string>; clients: KafkaSecure }> {
  throw new Error('Not yet.');
}
