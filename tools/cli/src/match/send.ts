import { bulkExport } from '../client/bulk.ts';
import type { TokenOf } from '../client/patience.ts';
import type { Server } from '../client/server.ts';
import { type MatchResult, readResult } from './result.ts';
import type { Submitted } from './submitted.ts';

const PATH = '/fhir/Group/$provider-member-match';

/** Sends one request, waits, and reads its answer, whose files stay in the folder. */
export async function sendMatch(
  { people, body }: { readonly people: readonly Submitted[]; readonly body: string },
  options: {
    readonly server: Server;
    readonly token: TokenOf;
    readonly out: string;
    readonly onProgress?: (text: string) => void;
  },
): Promise<MatchResult> {
  const found = await bulkExport({ ...options, group: 'match', kickOff: { path: PATH, body } });
  return readResult(found, people);
}
