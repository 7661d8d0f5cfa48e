import { PAYER_TOPICS, type Service, TOPICS, topicsOf } from '@provider-access/events';
import { INTAKES } from '@provider-access/facts';
import { DECLARATIONS, groupsOf } from './services.ts';

/**
 * Operations as `kafka-acls.sh` and the protocol name them. Read and Write imply Describe; it is written out for those
 * who read the list.
 */
type AclOperation = 'Read' | 'Write' | 'Describe' | 'Create' | 'DescribeConfigs' | 'AlterConfigs';

/**
 * One principal may do this. Nothing is ever denied by a rule: what no rule allows is refused
 * (`allow.everyone.if.no.acl.found=false`).
 */
export interface AclRule {
  /** `User:consent` */
  readonly principal: string;
  readonly resource: 'topic' | 'group';
  readonly pattern: 'literal' | 'prefixed';
  readonly name: string;
  readonly operation: AclOperation;
}

export interface AclOptions {
  /** Before each principal's name. Default `User:`. */
  readonly principalPrefix?: string;
  /** As the services have it (KAFKA_TOPIC_PREFIX, KAFKA_GROUP_PREFIX). */
  readonly topicPrefix?: string;
  readonly groupPrefix?: string;
}

/** Services that decide by members' facts. */
const DECIDING: ReadonlySet<Service> = new Set(['attribution', 'consent', 'resources', 'export']);

/** Who the rules are for: the payer's systems, the five services, and whoever runs this program. */
export const ADMIN_PRINCIPAL = 'admin';
export const PAYER_PRINCIPAL = 'payer';

/**
 * The least that each needs. The payer's topics are named one by one: a prefix `payer.` would let a payer write dead
 * letters. IdempotentWrite on the cluster is not among them: brokers since 2.8 take Write on any topic for it.
 */
export function aclRules({
  principalPrefix = 'User:',
  topicPrefix = '',
  groupPrefix = '',
}: AclOptions = {}): readonly AclRule[] {
  const rules: AclRule[] = [];
  const allow = (
    who: string,
    resource: AclRule['resource'],
    names: readonly { name: string; pattern: AclRule['pattern'] }[],
    operations: readonly AclOperation[],
  ): void => {
    const prefix = resource === 'topic' ? topicPrefix : groupPrefix;
    for (const { name, pattern } of names)
      for (const operation of operations)
        rules.push({ principal: principalPrefix + who, resource, pattern, name: prefix + name, operation });
  };
  const literal = (names: readonly string[]): { name: string; pattern: 'literal' }[] =>
    names.map((name) => ({ name, pattern: 'literal' }));

  allow(PAYER_PRINCIPAL, 'topic', literal(PAYER_TOPICS), ['Write', 'Describe']);
  for (const declaration of DECLARATIONS) {
    const { service } = declaration;
    const { writes, reads, heads } = topicsOf(service);
    const both = writes.filter((t) => reads.includes(t));
    allow(service, 'topic', literal(both), ['Read', 'Write', 'Describe']);
    allow(service, 'topic', literal(writes.filter((t) => !both.includes(t))), ['Write', 'Describe']);
    allow(service, 'topic', literal(reads.filter((t) => !both.includes(t))), ['Read', 'Describe']);
    allow(service, 'topic', literal(heads.filter((t) => !writes.includes(t) && !reads.includes(t))), ['Describe']);
    allow(service, 'group', groupsOf(declaration), ['Read', 'Describe']);
    // Whoever decides sees whether an intake has lost events.
    const own = new Set(declaration.subscriptions.map(({ group }) => group));
    if (DECIDING.has(service))
      allow(service, 'group', literal(INTAKES.map(({ group }) => group).filter((group) => !own.has(group))), [
        'Describe',
      ]);
  }
  allow(ADMIN_PRINCIPAL, 'topic', literal(TOPICS.map(({ name }) => name)), [
    'Create',
    'Describe',
    'DescribeConfigs',
    'AlterConfigs',
  ]);
  return rules;
}

/** What kafka-acls.sh takes at once: one principal, one kind of resource, the same operations. */
interface AclGrant {
  readonly principal: string;
  readonly resource: AclRule['resource'];
  readonly pattern: AclRule['pattern'];
  readonly operations: readonly AclOperation[];
  readonly names: readonly string[];
}

function grants(rules: readonly AclRule[]): readonly AclGrant[] {
  const byResource = new Map<string, { rule: AclRule; operations: AclOperation[] }>();
  for (const rule of rules) {
    const key = JSON.stringify([rule.principal, rule.resource, rule.pattern, rule.name]);
    const found = byResource.get(key);
    if (found === undefined) byResource.set(key, { rule, operations: [rule.operation] });
    else found.operations.push(rule.operation);
  }
  const merged = new Map<string, AclGrant & { names: string[] }>();
  for (const {
    rule: { principal, resource, pattern, name },
    operations,
  } of byResource.values()) {
    const key = JSON.stringify([principal, resource, pattern, operations]);
    const found = merged.get(key);
    if (found === undefined) merged.set(key, { principal, resource, pattern, operations, names: [name] });
    else found.names.push(name);
  }
  return [...merged.values()];
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * A shell script of `kafka-acls.sh` lines; `$KAFKA_ACLS` holds the command with its --bootstrap-server and
 * --command-config.
 */
export function aclScript(rules: readonly AclRule[]): readonly string[] {
  return [
    '#!/bin/sh',
    '# KAFKA_ACLS="kafka-acls.sh --bootstrap-server HOST:PORT --command-config admin.properties" sh acls.sh',
    'set -eu',
    ...grants(rules).map(({ principal, resource, pattern, operations, names }) =>
      [
        '$KAFKA_ACLS --add --force',
        `--allow-principal ${quoted(principal)}`,
        ...operations.map((o) => `--operation ${o}`),
        `--resource-pattern-type ${pattern}`,
        ...names.map((n) => `--${resource} ${quoted(n)}`),
      ].join(' '),
    ),
  ];
}

/** The same for people and for other tools (a managed Kafka's console, Terraform). */
export const aclRows = (rules: readonly AclRule[]): readonly (readonly string[])[] =>
  grants(rules).flatMap(({ principal, resource, pattern, operations, names }) =>
    names.map((name) => [principal, resource, pattern === 'prefixed' ? `${name}*` : name, operations.join(', ')]),
  );
