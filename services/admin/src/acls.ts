import { PAYER_TOPICS, type Service, TOPICS, topicsOf } from '@provider-access/events';
import { INTAKES } from '@provider-access/facts';
import { DECLARATIONS, groupsOf } from './services.ts';

/**
 * Operations as `kafka-acls.sh` and the protocol name them. Read and Write imply Describe, which the list still names
 * for its readers.
 */
type AclOperation = 'Read' | 'Write' | 'Describe' | 'Create' | 'DescribeConfigs' | 'AlterConfigs';

/**
 * Allows a principal some operations. There are no rules that deny, because Kafka refuses everything that no rule
 * allows (`allow.everyone.if.no.acl.found=false`).
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
  /** Prefix of each principal. Default `User:`. */
  readonly principalPrefix?: string;
  /** KAFKA_TOPIC_PREFIX and KAFKA_GROUP_PREFIX of the services. */
  readonly topicPrefix?: string;
  readonly groupPrefix?: string;
}

/** Services that decide about access with members' facts. */
const DECIDING: ReadonlySet<Service> = new Set(['attribution', 'consent', 'resources', 'export']);

/** Principals beside the five services: this program, and the payer's systems. */
export const ADMIN_PRINCIPAL = 'admin';
export const PAYER_PRINCIPAL = 'payer';

/**
 * The least rights of each principal. The rules name each topic of the payer, because a prefix `payer.` would allow a
 * payer to write dead letters. IdempotentWrite is not needed: since Kafka 2.8, Write on any topic includes it.
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
    // A service that decides checks whether an intake has lost events.
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

/** Rules for one call of kafka-acls.sh: the same principal, kind of resource and operations. */
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
 * A shell script of `kafka-acls.sh` lines. `$KAFKA_ACLS` is the command with --bootstrap-server and --command-config.
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

/** The rules as a table for people and other tools, such as Terraform. */
export const aclRows = (rules: readonly AclRule[]): readonly (readonly string[])[] =>
  grants(rules).flatMap(({ principal, resource, pattern, operations, names }) =>
    names.map((name) => [principal, resource, pattern === 'prefixed' ? `${name}*` : name, operations.join(', ')]),
  );
