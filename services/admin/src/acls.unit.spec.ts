import {
  DEAD_LETTER_TOPICS,
  PA_ATTESTATIONS,
  PA_FILE_ROWS,
  PAYER_TOPICS,
  SERVICES,
  TOPICS,
  topicsOf,
} from '@provider-access/events';
import { expect, test } from 'vitest';
import { aclGrants, aclRows, type AclRule, aclRules, aclScript } from './acls.ts';
import { DECLARATIONS, viewGroup } from './services.ts';

const rules = aclRules();
const covers = (rule: AclRule, name: string): boolean =>
  rule.pattern === 'literal' ? rule.name === name : name.startsWith(rule.name);
const may = (who: string, operation: AclRule['operation'], resource: AclRule['resource'], name: string): boolean =>
  rules.some(
    (r) => r.principal === `User:${who}` && r.operation === operation && r.resource === resource && covers(r, name),
  );
const writable = (who: string): string[] =>
  TOPICS.map(({ name }) => name).filter((name) => may(who, 'Write', 'topic', name));

test('a payer writes its two topics and nothing else, not even dead letters, and reads nothing', () => {
  expect(writable('payer')).toEqual([...PAYER_TOPICS]);
  for (const topic of DEAD_LETTER_TOPICS) expect(may('payer', 'Write', 'topic', topic)).toBe(false);
  expect(rules.filter((r) => r.principal === 'User:payer' && !['Write', 'Describe'].includes(r.operation))).toEqual([]);
  expect(rules.some((r) => r.principal === 'User:payer' && r.resource === 'group')).toBe(false);
});

test.each(SERVICES)('%s writes what it is declared to write, and no topic of another', (service) => {
  expect(writable(service)).toEqual(topicsOf(service).writes);
  for (const { name, role, writers } of TOPICS) {
    if (role !== 'derived' && role !== 'decided') continue;
    // Each of the two writes the rows of its own kinds of files (ADR 0107).
    if (name === PA_FILE_ROWS) expect(writers).toEqual(['attribution', 'consent']);
    // A match records what was attested. The payer withdraws it at attribution, and a merge carries it over there.
    else if (name === PA_ATTESTATIONS) expect(writers).toEqual(['export', 'attribution']);
    else expect(writers, `${name} has one writer`).toHaveLength(1);
    expect(may(service, 'Write', 'topic', name)).toBe((writers as readonly string[]).includes(service));
  }
});

test.each(SERVICES)(
  '%s reads every topic that its subscriptions and views take, in groups that no other service may join',
  (service) => {
    const { subscriptions, projections } = DECLARATIONS.find((d) => d.service === service)!;
    const consumed = [
      ...subscriptions,
      ...projections.map((p) => ({ group: viewGroup(p), topics: Object.keys(p.topics) })),
    ];
    for (const { group, topics } of consumed) {
      expect(may(service, 'Read', 'group', group)).toBe(true);
      for (const topic of topics) expect(may(service, 'Read', 'topic', topic), topic).toBe(true);
      for (const other of [...SERVICES, 'payer', 'admin'].filter((s) => s !== service))
        expect(may(other, 'Read', 'group', group)).toBe(false);
    }
  },
);

test('a deciding service may see whether an intake has lost events, and joins no group of others', () => {
  for (const group of ['consent-intake', 'attribution-intake', 'attribution-providers', 'resources-intake']) {
    for (const service of ['attribution', 'consent', 'resources', 'export'])
      expect(may(service, 'Describe', 'group', group), `${service} ${group}`).toBe(true);
    for (const other of ['auth', 'payer', 'admin'])
      expect(may(other, 'Describe', 'group', group), `${other} ${group}`).toBe(false);
  }
});

test('a service that only asks for heads reads nothing', () => {
  expect(may('export', 'Describe', 'topic', 'payer.member-events')).toBe(true);
  expect(may('export', 'Read', 'topic', 'payer.member-events')).toBe(false);
});

test('the principal that applies topics reads and writes no record, and changes no ACL', () => {
  const own = rules.filter((r) => r.principal === 'User:admin');
  expect(new Set(own.map((r) => r.operation))).toEqual(
    new Set(['Create', 'Describe', 'DescribeConfigs', 'AlterConfigs']),
  );
  expect(new Set(own.map((r) => r.name))).toEqual(new Set(TOPICS.map(({ name }) => name)));
});

test('the next version of a view starts beside the running one without new rules', () => {
  expect(may('attribution', 'Read', 'group', 'view/facts_members_v2')).toBe(true);
  expect(may('attribution', 'Read', 'group', 'view/facts_memberships-of-others')).toBe(false);
  expect(may('resources', 'Read', 'group', 'view/facts_members_v2')).toBe(false);
});

test('prefixes go before topics and groups, the principal prefix before names', () => {
  const prefixed = aclRules({ principalPrefix: 'User:CN=', topicPrefix: 'prod.', groupPrefix: 'prod-' });
  expect(prefixed.length).toBe(rules.length);
  for (const rule of prefixed) {
    expect(rule.name).toMatch(rule.resource === 'topic' ? /^prod\.(pa|payer)\./ : /^prod-(view\/|[a-z])/);
    expect(rule.principal).toMatch(/^User:CN=[a-z]+$/);
  }
});

test('the script and the table say exactly the rules', () => {
  const lines = aclScript(aclGrants()).filter((l) => l.startsWith('$KAFKA_ACLS'));
  const said = lines.flatMap((line) => {
    const words = line.split(' ');
    const all = (option: string): string[] =>
      words.flatMap((w, i) => (w === option ? [words[i + 1]!.replace(/^'|'$/g, '')] : []));
    return (['topic', 'group'] as const).flatMap((resource) =>
      all(`--${resource}`).flatMap((name) =>
        all('--operation').map((operation) =>
          JSON.stringify([all('--allow-principal')[0], resource, all('--resource-pattern-type')[0], name, operation]),
        ),
      ),
    );
  });
  expect(said.toSorted()).toEqual(
    rules.map((r) => JSON.stringify([r.principal, r.resource, r.pattern, r.name, r.operation])).toSorted(),
  );
  expect(aclRows(aclGrants())).toContainEqual(['User:consent', 'topic', 'pa.consent', 'Read, Write, Describe']);
});

test('a principal with a quote stays one word of the shell', () => {
  expect(aclScript(aclGrants({ principalPrefix: "User:O'Neil " })).join('\n')).toContain(
    `--allow-principal 'User:O'\\''Neil payer'`,
  );
});
