import { AUDIT_ACTIONS, type Disclosure } from '@provider-access/events';
import type { DisclosureOf } from './disclosures.ts';

/**
 * An accounting of disclosures as a printable page (45 CFR 164.528): for each release its date, who received it, what
 * it was, and for what purpose. The page needs nothing from outside, and every text in it is escaped.
 */
export interface Accounting {
  readonly member: string;
  readonly payer?: string | undefined;
  /** RFC 3339 instants. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly madeAt: string;
  readonly disclosures: readonly DisclosureOf[];
}

/** What the page permits itself when it is opened, from the server or from a file. */
export const ACCOUNTING_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const PURPOSES: Readonly<Record<string, string>> = { TREAT: 'Treatment', HOPERAT: 'Health care operations' };
/** Whether a release gave something about the member to somebody outside. */
export const isDisclosure = ({ outcome, action }: Pick<Disclosure, 'outcome' | 'action'>): boolean =>
  outcome === 'released' && AUDIT_ACTIONS[action].gives !== undefined;

/** Escapes a text, and keeps characters that change the direction of writing within it. */
const text = (value: string): string =>
  `<bdi>${value.replaceAll(/[&<>"'`]|\p{Cc}/gu, (c) => `&#${c.charCodeAt(0) < 32 ? 0xfffd : c.charCodeAt(0)};`)}</bdi>`;

const provider = (key: string): string => key.replace(/^npi\|/, 'NPI ').replace(/^tin\|/, 'TIN ');
function recipient({ client, agent, names = {} }: DisclosureOf): string {
  if (agent === undefined) return text(`App ${client}`);
  const named = (key: string): string =>
    names[key] === undefined ? provider(key) : `${names[key]} (${provider(key)})`;
  const more = agent.more === undefined ? [] : [`and ${agent.more} more`];
  return `${text(agent.name)}<br>${text([...agent.providers.map(named), ...more].join(', '))}<br>${text(client)}`;
}
function content({ action, types = [], resources, job, recalled }: DisclosureOf): string {
  const what = types.length === 0 ? 'Resources' : types.join(', ');
  const count = resources === undefined ? '' : ` (${resources})`;
  const how = action === 'search' && resources === 0 ? 'asked about by a search' : AUDIT_ACTIONS[action].gives;
  const given = text(`${what}${count}, ${how ?? action}${job === undefined ? '' : `, export ${job}`}`);
  return recalled === undefined ? given : `${given}<br>${text(`Had wrong data: recall ${recalled.join(', ')}`)}`;
}
const purpose = (code: string | undefined): string =>
  text(code === undefined ? 'Treatment' : `${PURPOSES[code] ?? code} (${code})`);
const time = (at: string): string => `${at.slice(0, 10)} ${at.slice(11, 19)}`;

const STYLE = `
body { font: 10.5pt/1.4 system-ui, sans-serif; margin: 2em; color: #111; }
h1 { font-size: 1.4em; } dl { display: grid; grid-template-columns: max-content 1fr; gap: .2em 1em; } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; } th, td { border: 1px solid #888; padding: .3em .5em; text-align: left;
vertical-align: top; overflow-wrap: anywhere; } th { background: #eee; } td:first-child { white-space: nowrap; }
@media print { body { margin: 0; font-size: 9pt; } thead { display: table-header-group; } tr { break-inside: avoid; }
th { background: none; } @page { margin: 15mm; } }
`;

export function accountingDocument(accounting: Accounting): string {
  const { member, payer, since, until, madeAt, disclosures } = accounting;
  const listed = disclosures.filter(isDisclosure);
  const facts: readonly (readonly [string, string])[] = [
    ...(payer === undefined ? [] : [['Health plan', payer] as const]),
    ['Member', member],
    ['From', since === undefined ? 'the first entry' : `${time(since)} UTC`],
    ['Until', until === undefined ? `${time(madeAt)} UTC` : `${time(until)} UTC`],
    ['Made', `${time(madeAt)} UTC`],
    ['Disclosures', String(listed.length)],
  ];
  const rows = listed.map(
    (one) =>
      `<tr><td>${text(time(one.at))}</td><td>${recipient(one)}</td>` +
      `<td>${content(one)}</td><td>${purpose(one.purpose)}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${ACCOUNTING_POLICY}">
<meta name="viewport" content="width=device-width">
<title>Accounting of disclosures</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Accounting of disclosures</h1>
<dl>
${facts.map(([name, value]) => `<dt>${name}</dt><dd>${text(value)}</dd>`).join('\n')}
</dl>
<table>
<thead><tr><th>Date and time (UTC)</th><th>Recipient</th><th>What was disclosed</th><th>Purpose</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>
${rows.length === 0 ? '<p>Nothing was disclosed in this period.</p>\n' : ''}</body>
</html>
`;
}
