import kafkajs from 'kafkajs';
import type { AclRule } from '../../src/acls.ts';

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

/** Applies the rules as an operator applies the output of `pa acls`. */
export async function applyAcls(brokers: string[], rules: readonly AclRule[]): Promise<void> {
  const admin = new kafkajs.Kafka({ brokers, clientId: 'setup' }).admin();
  await admin.connect();
  await admin.createAcls({
    acl: rules.map(({ principal, resource, pattern, name, operation }) => ({
      principal,
      host: '*',
      operation: OPERATIONS[operation],
      permissionType: PERMISSION.ALLOW,
      resourceType: resource === 'topic' ? RESOURCE.TOPIC : RESOURCE.GROUP,
      resourceName: name,
      resourcePatternType: pattern === 'literal' ? PATTERN.LITERAL : PATTERN.PREFIXED,
    })),
  });
  await admin.disconnect();
}
