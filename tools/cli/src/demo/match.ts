import { join } from 'node:path';
import type { MemberLedger, SyntheticPayer } from '@provider-access/synthetic';
import type { Server } from '../client/server.ts';
import type { OwnApp } from '../client/steps.ts';
import { fhirPeople } from '../match/fhir-people.ts';
import { sendMatch } from '../match/send.ts';
import { requestsOf } from '../match/submitted.ts';
import type { Steps } from './steps.ts';

export interface MatchReport {
  readonly matched: { readonly expected: number; readonly found: number };
  readonly notMatched: { readonly expected: number; readonly found: number };
}

/** So many members of a practice are attested. */
const ATTESTED = 5;

/**
 * A practice attests patients whom the payer attributes to another one. They match; a member who opted out and somebody
 * whom the payer does not know do not, and nothing tells these two apart.
 */
export async function runMatch(of: {
  readonly server: Server;
  readonly payer: SyntheticPayer;
  readonly steps: Steps;
  readonly folder: string;
  /** The practice that attests, and the NPI of the one whose patients it attests. */
  readonly practice: { readonly npi: string; readonly app: OwnApp };
  readonly other: string;
  /** The member who opted out. */
  readonly leaver: MemberLedger;
  /** Members who are not attested, because the ledger does not know what happened to them. */
  readonly without: readonly string[];
  readonly mismatch: (text: string) => void;
}): Promise<MatchReport> {
  const { server, payer, steps, folder, practice, leaver, without, mismatch } = of;
  steps.step('The other practice attests patients whom it treats ($provider-member-match)');
  const attested: MemberLedger[] = [];
  for (const member of payer.ledger.visibleMembers(of.other)) {
    if (without.includes(member.member) || linesOf(member) === undefined) continue;
    attested.push(member);
    if (attested.length === ATTESTED) break;
  }
  const unknown = (linesOf(leaver) ?? []).map((line) =>
    line
      .replaceAll(leaver.member, 'nobody')
      .replaceAll(/"value":"[^"]*"/g, '"value":"unknown"')
      .replaceAll(/"subscriberId":"[^"]*"/g, '"subscriberId":"unknown"')
      .replaceAll(/"family":"[^"]*"/g, '"family":"Nobody"'),
  );
  const lines = [...[...attested, leaver].flatMap((member) => linesOf(member) ?? []), ...unknown];
  const note = (text: string) => steps.good(text);
  const attesting = { note, npi: practice.npi, payer: 'Organization/payer', now: new Date().toISOString() };
  const [request] = requestsOf(fhirPeople(lines.join('\n'), 'the patients of the practice', attesting));
  const token = () => practice.app.tokens.get();
  const { group, outcomes } = await sendMatch(request!, { server, token, out: join(folder, 'match') });
  const matched = outcomes.filter(({ result }) => result === 'matched');
  const report = {
    matched: { expected: attested.length, found: matched.length },
    notMatched: { expected: 2, found: outcomes.length - matched.length },
  };
  steps.good(`Group/${group}: ${report.matched.found} matched, ${report.notMatched.found} not`);
  const ids = matched.map(({ patient }) => patient).toSorted();
  if (
    ids.join() !==
    attested
      .map(({ member }) => member)
      .toSorted()
      .join()
  )
    mismatch(`matched: expected ${attested.length} members, found ${ids.length} or others`);
  return report;
}

/** The Patient and a Coverage of a member as the payer has them; undefined without one of them. */
function linesOf({ resources }: MemberLedger): readonly string[] | undefined {
  const all = [...resources.values()].map(({ resource }) => resource);
  const found = ['Patient', 'Coverage'].map((type) => all.find(({ resourceType }) => resourceType === type));
  return found.includes(undefined) ? undefined : found.map((resource) => JSON.stringify(resource));
}
