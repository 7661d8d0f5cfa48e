import kafkajs from 'kafkajs';
import { createClient } from './client.ts';
import { unavailable } from './errors.ts';
import type { KafkaConnection } from './options.ts';

/** Allows one principal one operation on a topic or group, by its whole name in Kafka (or its beginning). */
export interface AclBinding {
  /** `User:consent` */
  readonly principal: string;
  readonly resource: 'topic' | 'group';
  readonly pattern: 'literal' | 'prefixed';
  readonly name: string;
  readonly operation: 'Read' | 'Write' | 'Describe' | 'Create' | 'DescribeConfigs' | 'AlterConfigs';
}

const {
  AclOperationTypes: OPERATION,
  AclPermissionTypes: PERMISSION,
  AclResourceTypes: RESOURCE,
  ResourcePatternTypes: PATTERN,
} = kafkajs;
const OPERATIONS = {
  Read: OPERATION.READ,
  Write: OPERATION.WRITE,
  Describe: OPERATION.DESCRIBE,
  Create: OPERATION.CREATE,
  DescribeConfigs: OPERATION.DESCRIBE_CONFIGS,
  AlterConfigs: OPERATION.ALTER_CONFIGS,
};

/**
 * Adds the rules; those that are there stay. The connection's user needs Alter on the cluster. Throws
 * EngineUnavailable.
 */
export async function applyAcls(connection: KafkaConnection, bindings: readonly AclBinding[]): Promise<void> {
  const client = createClient(connection, { retryMs: 10_000 });
  const admin = client.kafka.admin();
  try {
    await admin.connect();
    await admin.createAcls({
      acl: bindings.map(({ principal, resource, pattern, name, operation }) => ({
        principal,
        host: '*',
        operation: OPERATIONS[operation],
        permissionType: PERMISSION.ALLOW,
        resourceType: resource === 'topic' ? RESOURCE.TOPIC : RESOURCE.GROUP,
        resourceName: name,
        resourcePatternType: pattern === 'literal' ? PATTERN.LITERAL : PATTERN.PREFIXED,
      })),
    });
  } catch (error) {
    throw unavailable('access rules cannot be created', error);
  } finally {
    await admin.disconnect().catch(() => undefined);
    client.retire();
  }
}
