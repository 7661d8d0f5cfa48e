import type { Answer } from '@provider-access/service/operation';

/** A JSON answer that no cache may keep, for callers whom the frame does not know. */
export const notStored = (json: unknown): Answer => ({ json, headers: { 'cache-control': 'no-store' } });
