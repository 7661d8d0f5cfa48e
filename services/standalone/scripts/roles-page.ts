import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  type AnyRole,
  isPersonRole,
  MEMBER,
  MEMBER_DOES,
  type MemberRole,
  PEOPLE,
  PERSON_ROLES,
  type PersonRole,
} from '@provider-access/kernel';
import type { Descriptor } from '@provider-access/service/operation';
import { operations } from './openapi.ts';

/** Writes the table of routes and roles. Run: npm run roles-page -w @provider-access/standalone */
export const PAGE = fileURLToPath(new URL('../../../docs/roles.md', import.meta.url));

const MARK = '✓';
type SessionRole = PersonRole | MemberRole;
/** The roles that a session can have, in the order of the table. */
const SESSION_ROLES: readonly SessionRole[] = [...PERSON_ROLES, MEMBER];
const isInSession = (role: AnyRole): role is SessionRole => isPersonRole(role) || role === MEMBER;
/** The roles of people and members for an operation. The handlers of a session itself take every role. */
const peopleOf = ({ callers, security }: Descriptor): readonly SessionRole[] =>
  security?.includes('person') === true
    ? SESSION_ROLES
    : typeof callers === 'string'
      ? []
      : callers.filter(isInSession);
/** The kinds of token that an operation takes. */
function tokensOf(operation: Descriptor): readonly string[] {
  const { callers } = operation;
  if (typeof callers === 'string') return [];
  const tokens = callers.filter((role) => !isInSession(role));
  return peopleOf(operation).some(isPersonRole) ? [...tokens, 'administrator'] : tokens;
}
const isListed = (operation: Descriptor): boolean =>
  peopleOf(operation).length > 0 || tokensOf(operation).includes('administrator') || operation.route.includes(' /ops/');

function row(operation: Descriptor): string {
  const people = peopleOf(operation);
  const cells = SESSION_ROLES.map((role) => (people.includes(role) ? MARK : ''));
  const members = operation.audit === undefined ? '' : MARK;
  return `| \`${operation.route}\` | ${cells.join(' | ')} | ${tokensOf(operation).join(', ')} | ${members} |`;
}

/** `all`: in the order of the OpenAPI document. */
export function page(all: readonly Descriptor[]): string {
  const rows = all.filter(isListed).map(row);
  return `# Routes and roles

Look here for the routes that a person may use, and for the role that a person needs for a task.
[Signing in](signing-in.md) says how a person gets a role. This page is generated from the operations of the services,
which also guard the routes: \`npm run roles-page -w @provider-access/standalone\`.

| role | what it does |
| --- | --- |
${PERSON_ROLES.map((role) => `| \`${role}\` | ${PEOPLE[role]} |`).join('\n')}
| \`${MEMBER}\` | ${MEMBER_DOES} |

A person with several roles may use the routes of each. Any other person gets 403, and the audit records it with the
route. **The administrator's token** has every role of people on the API. A **member** comes by a
[link of the portal](member-link.md), and sees what is about this member alone. A route without a mark is for tokens
alone: those of administrators, or of the payer's systems.

**members**: the answer may name members or have data of them, so the audit has an entry before it leaves, with the
person, the members and the route ([disclosures.md](disclosures.md#ask-who-of-the-payer-looked)).

| route | ${SESSION_ROLES.map((role) => `\`${role}\``).join(' | ')} | token | members |
| --- | ${SESSION_ROLES.map(() => ':-:').join(' | ')} | --- | :-: |
${rows.join('\n')}

\`GET /ops/views\` of one process with all services merges \`GET /ops/views/{service}\`, and has its roles.
`;
}

if (import.meta.main) writeFileSync(PAGE, page(await operations('dist')));
