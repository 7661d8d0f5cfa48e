import { PAYER_TOPICS, type Service, TOPICS, topicsOf } from '@provider-access/events';
import { INTAKES } from '@provider-access/facts';
import { DECLARATIONS, viewGroups } from './services.ts';

/**
 * Operations as `kafka-acls.sh` and the protocol name them. Read and Write imply Describe, which the list still names
 * for its readers.
 */
type AclOperation = 'Read' | 'Write' | 'Describe' | 'Create' | 'DescribeConfigs' | 'AlterConfigs';

/**
 * Allows a principal operations on resources. There are no rules that deny, because Kafka refuses everything that no
 * rule allows (`allow.everyone.if.no.acl.found=false`). One call of kafka-acls.sh makes the rules of a grant.
 */
export interface AclGrant {
  /** `User:consent` */
  readonly principal: string;
  readonly resource: 'topic' | 'group';
  readonly pattern: 'literal' | 'prefixed';
  readonly names: readonly string[];
  readonly operations: readonly AclOperation[];
}
/** A grant of one operation on one resource, as `--json` prints it. */
export type AclRule = Omit<AclGrant, 'names' | 'operations'> & {
  readonly name: string;
  readonly operation: AclOperation;
};

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
export function aclGrants({
  principalPrefix = 'User:',
  topicPrefix = '',
  groupPrefix = '',
}: AclOptions = {}): readonly AclGrant[] {
  const grants: AclGrant[] = [];
  const allow = (
    who: string,
    resource: AclGrant['resource'],
    names: readonly string[],
    operations: readonly AclOperation[],
    pattern: AclGrant['pattern'] = 'literal',
  ): void => {
    const prefix = resource === 'topic' ? topicPrefix : groupPrefix;
    if (names.length > 0)
      grants.push({
        principal: principalPrefix + who,
        resource,
        pattern,
        names: names.map((name) => prefix + name),
        operations,
      });
  };

  allow(PAYER_PRINCIPAL, 'topic', PAYER_TOPICS, ['Write', 'Describe']);
  for (const { service, subscriptions, projections } of DECLARATIONS) {
    const { writes, reads, heads } = topicsOf(service);
    const both = writes.filter((t) => reads.includes(t));
    allow(service, 'topic', both, ['Read', 'Write', 'Describe']);
    allow(service, 'topic', without(writes, both), ['Write', 'Describe']);
    allow(service, 'topic', without(reads, both), ['Read', 'Describe']);
    allow(service, 'topic', without(heads, [...writes, ...reads]), ['Describe']);
    const own = subscriptions.map(({ group }) => group);
    allow(service, 'group', own, ['Read', 'Describe']);
    allow(service, 'group', projections.map(viewGroups), ['Read', 'Describe'], 'prefixed');
    // A service that decides checks whether an intake has lost events.
    const intakes = INTAKES.map(({ group }) => group);
    if (DECIDING.has(service)) allow(service, 'group', without(intakes, own), ['Describe']);
  }
  const names = TOPICS.map(({ name }) => name);
  allow(ADMIN_PRINCIPAL, 'topic', names, ['Create', 'Describe', 'DescribeConfigs', 'AlterConfigs']);
  return grants;
}
const without = (names: readonly string[], others: readonly string[]): readonly string[] =>
  names.filter((name) => !others.includes(name));

export const aclRules = (options?: AclOptions): readonly AclRule[] =>
  aclGrants(options).flatMap(({ names, operations, ...rule }) =>
    names.flatMap((name) => operations.map((operation) => ({ ...rule, name, operation }))),
  );

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * A shell script of `kafka-acls.sh` lines. `$KAFKA_ACLS` is the command with --bootstrap-server and --command-config.
 */
export function aclScript(grants: readonly AclGrant[]): readonly string[] {
  return [
    '#!/bin/sh',
    '# KAFKA_ACLS="kafka-acls.sh --bootstrap-server HOST:PORT --command-config admin.properties" sh acls.sh',
    'set -eu',
    ...grants.map(({ principal, resource, pattern, operations, names }) =>
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
export const aclRows = (grants: readonly AclGrant[]): readonly (readonly string[])[] =>
  grants.flatMap(({ principal, resource, pattern, operations, names }) =>
    names.map((name) => [principal, resource, pattern === 'prefixed' ? `${name}*` : name, operations.join(', ')]),
  );
