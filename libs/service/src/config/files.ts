import { z } from 'zod';
import { idle, missing, refuse } from './read-config.ts';
import { baseUrl, flag, path, whole } from './values.ts';

const MIB = 1024 * 1024;

/** Where files of exports and large attachments lie. */
export const filesEnv = {
  FILES: z
    .enum(['fs', 's3'], 'must be fs or s3')
    .default('fs')
    .describe('`fs`: a folder that all instances of export and resources share; `s3`: a bucket.'),
  FILES_DIR: path.optional().describe('The folder of `FILES=fs`.'),
  S3_BUCKET: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be the name of a bucket')
    .optional()
    .describe('The bucket of `FILES=s3`.'),
  S3_PREFIX: z
    .string()
    .regex(
      /^([A-Za-z0-9_][A-Za-z0-9._-]{0,127}\/?){1,16}$/,
      'must be names of letters, digits, ".", "_" and "-" with "/" between them',
    )
    .max(256, 'must be 256 characters at most')
    .transform((v) => (v.endsWith('/') ? v : `${v}/`))
    .optional()
    .describe('A folder in the bucket: put before every key.'),
  S3_ENDPOINT: baseUrl.optional().describe('For servers that are not AWS.'),
  S3_REGION: z
    .string()
    .regex(/^[a-z0-9-]{1,63}$/, 'must be the name of a region')
    .default('us-east-1')
    .describe('Region of the bucket. Credentials come as the AWS SDK finds them (`AWS_*`, web identity, instance).'),
  S3_PATH_STYLE: flag.default(false).describe('`true`: the bucket is in the path, not in the host name.'),
  S3_SERVER_SIDE_ENCRYPTION: z
    .enum(['AES256', 'aws:kms'], 'must be AES256 or aws:kms')
    .optional()
    .describe('`AES256` or `aws:kms`; without it as the bucket says.'),
  S3_KMS_KEY_ID: z.string().min(1).max(2048).optional().describe('Key of `aws:kms`.'),
  S3_PART_BYTES: whole(5 * MIB, 5 * 1024 * MIB)
    .default(8 * MIB)
    .describe('Size of the parts of a multipart upload, bytes.'),
};
export type FilesEnv = z.infer<z.ZodObject<typeof filesEnv>>;

/** The options of the file store's adapters. */
export type FilesConnection = ReturnType<typeof filesOptions>;

/** Contradictions between variables, one sentence each. */
export function filesFaults(env: FilesEnv): string[] {
  if (env.FILES === 'fs')
    return [
      ...missing(env, ['FILES_DIR'], 'must be set for FILES=fs'),
      ...idle(env, S3_ALONE, 'has no effect without FILES=s3'),
    ];
  const kms = env.S3_SERVER_SIDE_ENCRYPTION === 'aws:kms';
  return [
    ...missing(env, ['S3_BUCKET'], 'must be set for FILES=s3'),
    ...idle(env, ['FILES_DIR'], 'has no effect with FILES=s3'),
    ...(kms ? [] : idle(env, ['S3_KMS_KEY_ID'], 'has no effect without S3_SERVER_SIDE_ENCRYPTION=aws:kms')),
  ];
}
const S3_ALONE = ['S3_BUCKET', 'S3_PREFIX', 'S3_ENDPOINT', 'S3_SERVER_SIDE_ENCRYPTION', 'S3_KMS_KEY_ID'] as const;

/** @throws ConfigurationError naming each variable that contradicts another */
export function filesOptions(env: FilesEnv) {
  refuse(filesFaults(env));
  if (env.FILES === 'fs') return { kind: 'fs' as const, root: env.FILES_DIR! };
  return {
    kind: 's3' as const,
    bucket: env.S3_BUCKET!,
    region: env.S3_REGION,
    forcePathStyle: env.S3_PATH_STYLE,
    partBytes: env.S3_PART_BYTES,
    ...(env.S3_PREFIX !== undefined && { prefix: env.S3_PREFIX }),
    ...(env.S3_ENDPOINT !== undefined && { endpoint: env.S3_ENDPOINT }),
    ...(env.S3_SERVER_SIDE_ENCRYPTION !== undefined && { serverSideEncryption: env.S3_SERVER_SIDE_ENCRYPTION }),
    ...(env.S3_KMS_KEY_ID !== undefined && { kmsKeyId: env.S3_KMS_KEY_ID }),
  };
}
