import type { PageLanguage } from '@provider-access/kernel';
import { AUDIT_ACTIONS, type Disclosure } from '@provider-access/events';
import { ACCOUNTING_WORDS } from './accounting-words.ts';
import type { DisclosureOf } from './disclosures.ts';

/**
 * An accounting of disclosures as a printable page (45 CFR 164.528): for each release its date, who received it, what
 * it was, and for what purpose. The page needs nothing from outside, and every text in it is escaped.
 */
export interface Accounting {
  readonly member: string;
  /** Default: English. Types, codes and names stay as they are. */
  readonly language?: PageLanguage;
  readonly payer?: string | undefined;
  /** RFC 3339 instants. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly madeAt: string;
  readonly disclosures: readonly DisclosureOf[];
}

/** What the page permits itself when it is opened, from the server or from a file. */
export const ACCOUNTING_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

type Words = (typeof ACCOUNTING_WORDS)[PageLanguage];
/** Whether a release gave something about the member to somebody outside. */
export const isDisclosure = ({ outcome, action }: Pick<Disclosure, 'outcome' | 'action'>): boolean =>
  outcome === 'released' && AUDIT_ACTIONS[action].gives !== undefined;

/** Escapes a text, and keeps characters that change the direction of writing within it. */
const text = (value: string): string =>
  `<bdi>${value.replaceAll(/[&<>"'`]|\p{Cc}/gu, (c) => `&#${c.charCodeAt(0) < 32 ? 0xfffd : c.charCodeAt(0)};`)}</bdi>`;

const provider = (key: string): string => key.replace(/^npi\|/, 'NPI ').replace(/^tin\|/, 'TIN ');
function recipient({ client, agent, names = {} }: DisclosureOf, words: Words): string {
  if (agent === undefined) return text(words.app(client));
  const named = (key: string): string =>
    names[key] === undefined ? provider(key) : `${names[key]} (${provider(key)})`;
  const more = agent.more === undefined ? [] : [words.more(agent.more)];
  return `${text(agent.name)}<br>${text([...agent.providers.map(named), ...more].join(', '))}<br>${text(client)}`;
}
function content({ action, types = [], resources, job, recalled }: DisclosureOf, words: Words): string {
  const what = types.length === 0 ? words.resources : types.join(', ');
  const count = resources === undefined ? '' : ` (${resources})`;
  const how = action === 'search' && resources === 0 ? words.asked : words.gives(action);
  const given = text(`${what}${count}, ${how ?? action}${job === undefined ? '' : `, ${words.export(job)}`}`);
  return recalled === undefined ? given : `${given}<br>${text(words.recalled(recalled.join(', ')))}`;
}
const purpose = (code: string | undefined, { purposes }: Words): string =>
  text(code === undefined ? purposes['TREAT']! : `${purposes[code] ?? code} (${code})`);
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
  const { member, language = 'en', payer, since, until, madeAt, disclosures } = accounting;
  const words = ACCOUNTING_WORDS[language];
  const listed = disclosures.filter(isDisclosure);
  const facts: readonly (readonly [string, string])[] = [
    ...(payer === undefined ? [] : [[words.plan, payer] as const]),
    [words.member, member],
    [words.from, since === undefined ? words.first : `${time(since)} UTC`],
    [words.until, until === undefined ? `${time(madeAt)} UTC` : `${time(until)} UTC`],
    [words.made, `${time(madeAt)} UTC`],
    [words.count, String(listed.length)],
  ];
  const rows = listed.map(
    (one) =>
      `<tr><td>${text(time(one.at))}</td><td>${recipient(one, words)}</td>` +
      `<td>${content(one, words)}</td><td>${purpose(one.purpose, words)}</td></tr>`,
  );
  const heads = [words.time, words.recipient, words.what, words.purpose];
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${ACCOUNTING_POLICY}">
<meta name="viewport" content="width=device-width">
<title>${words.title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${words.title}</h1>
<dl>
${facts.map(([name, value]) => `<dt>${name}</dt><dd>${text(value)}</dd>`).join('\n')}
</dl>
<table>
<thead><tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>
${rows.length === 0 ? `<p>${words.none}</p>\n` : ''}</body>
</html>
`;
}
