import { parseArgs } from 'node:util';
import { startEngines, startS3 } from '@provider-access/testing';
import { docker, engineFolder, isEngine, remember, remembered, type State, takeDown } from './state.ts';

/** `e2e/engines/up`: starts the engines in the background and prints `export` lines. Progress goes to stderr. */
const progress = (line: string) => console.error(line);

async function fresh(brokers: 1 | 3, inDocker: boolean): Promise<State> {
  if (!inDocker) {
    const { env, pids } = await startEngines({ brokers, folder: engineFolder(), progress });
    return { env, pids };
  }
  const profile = brokers === 1 ? 'one' : 'three';
  docker(profile, 'up', '--detach', '--wait');
  // Ports as in compose.yaml.
  const kafka = brokers === 1 ? '127.0.0.1:29091' : '127.0.0.1:29091,127.0.0.1:29092,127.0.0.1:29093';
  const s3 = await startS3({ folder: `${engineFolder()}/s3`, detached: true });
  return {
    env: {
      KAFKA_BROKERS: kafka,
      MONGODB_URI: 'mongodb://127.0.0.1:29017/?directConnection=true',
      S3_ENDPOINT: s3.endpoint,
      S3_BUCKET: s3.bucket,
      S3_REGION: s3.region,
      S3_PATH_STYLE: 'true',
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    },
    pids: [s3.pid],
    profile,
  };
}

async function up(): Promise<void> {
  const { values } = parseArgs({
    options: { brokers: { type: 'string', default: '1' }, docker: { type: 'boolean', default: false } },
  });
  if (values.brokers !== '1' && values.brokers !== '3') throw new Error(`--brokers is 1 or 3, not ${values.brokers}.`);
  const running = remembered();
  let state: State;
  if (running && running.pids.length > 0 && running.pids.every(isEngine)) {
    progress('already up; e2e/engines/down first to start others');
    state = running;
  } else {
    await takeDown();
    state = await fresh(values.brokers === '3' ? 3 : 1, values.docker);
    if (state.pids.length > 0) remember(state);
  }
  for (const [name, value] of Object.entries(state.env))
    console.log(`export ${name}='${value.replaceAll("'", "'\\''")}'`);
}

try {
  await up();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
