import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached, cacheFolder, cacheKey, has, run } from './cache.ts';

export const KAFKA_VERSION = '4.3.1';
const SLF4J_VERSION = '1.7.36';

/** Kafka's jars by Maven, once per machine: the folder with the jars. */
export function fetchKafka(progress?: (line: string) => void): Promise<string> {
  requireJava();
  return cached(join(cacheFolder(), cacheKey('kafka', KAFKA_VERSION), 'lib'), async (made) => {
    if (!has('mvn'))
      throw new Error(
        'Kafka for tests is fetched by Maven and `mvn` was not found: install Maven (Debian: apt-get install maven).',
      );
    progress?.(`fetching Kafka ${KAFKA_VERSION} with Maven (45 MB, once)`);
    const work = `${made}-pom`;
    mkdirSync(work, { recursive: true });
    writeFileSync(join(work, 'pom.xml'), POM);
    await run(
      'mvn',
      [
        '-q',
        '-B',
        '-f',
        join(work, 'pom.xml'),
        'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies',
        `-DoutputDirectory=${made}`,
        '-DincludeScope=runtime',
      ],
      { cwd: work },
    );
  });
}

/** `java` and the flags with which every Kafka process of the tests starts. */
export function javaArguments(lib: string, flags: readonly string[] = []): string[] {
  const jars = readdirSync(lib)
    .filter((name) => name.endsWith('.jar'))
    .sort();
  return [
    '-Xms64m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    ...flags,
    '-cp',
    jars.map((jar) => join(lib, jar)).join(':'),
  ];
}

/** The output of `java -version`. */
function requireJava(): string {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' });
  if (java.error || java.status !== 0)
    throw new Error(
      'Kafka for tests needs Java 17 or later and `java` was not found: install one (Debian: apt-get install ' +
        'openjdk-17-jre-headless).',
    );
  return java.stderr;
}

/**
 * Flags that let Java load Kafka's classes from an archive (AppCDS): a broker then starts in 1.1 s instead of 2.4 s.
 * `train` makes the archive by running a broker once with the flags it gets. Brokers also start without an archive.
 */
export async function classArchive(lib: string, train: (flags: readonly string[]) => Promise<void>): Promise<string[]> {
  const java = createHash('sha256').update(requireJava()).digest('hex').slice(0, 12);
  try {
    const archive = await cached(join(lib, '..', `classes-${java}.jsa`), (made) =>
      train([`-XX:ArchiveClassesAtExit=${made}`, '-Xlog:cds=off']),
    );
    return [`-XX:SharedArchiveFile=${archive}`, '-Xlog:cds=off'];
  } catch {
    return [];
  }
}

/** The SCRAM user of every formatted storage. PLAIN knows the same user. */
export const KAFKA_USER = { username: 'provider-access', password: 'provider-access-secret' };
export const KAFKA_CLUSTER = 'cHJvdmlkZXJBY2Nlc3NUZQ';

/**
 * The `bootstrap.checkpoint` of StorageTool (feature levels and the SCRAM user), made once. A broker's storage is
 * formatted by copying it beside a `meta.properties`, which saves the start of a Java process for each broker.
 */
export function formattedStorage(lib: string): Promise<string> {
  return cached(join(lib, '..', 'bootstrap.checkpoint'), async (made) => {
    const work = `${made}-format`;
    mkdirSync(work, { recursive: true });
    const properties = join(work, 'server.properties');
    writeFileSync(
      properties,
      [
        'process.roles=broker,controller',
        'node.id=1',
        'controller.quorum.voters=1@127.0.0.1:20001',
        'listeners=PLAINTEXT://127.0.0.1:20000,CONTROLLER://127.0.0.1:20001',
        'controller.listener.names=CONTROLLER',
        `log.dirs=${join(work, 'data')}`,
      ].join('\n'),
    );
    const scram = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${KAFKA_USER.username},password=${KAFKA_USER.password}]`,
    ]);
    await run('java', [
      ...javaArguments(lib),
      'kafka.tools.StorageTool',
      'format',
      '-t',
      KAFKA_CLUSTER,
      '-c',
      properties,
      ...scram,
    ]);
    const checkpoint = join(work, 'data', 'bootstrap.checkpoint');
    if (!existsSync(checkpoint)) throw new Error(`Kafka's StorageTool wrote no ${checkpoint}.`);
    cpSync(checkpoint, made);
  });
}

const dependency = (group: string, artifact: string, version: string): string =>
  `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>` +
  `<version>${version}</version></dependency>`;
const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>provider-access</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
  <dependencies>
    ${dependency('org.apache.kafka', 'kafka_2.13', KAFKA_VERSION)}
    ${dependency('org.slf4j', 'slf4j-simple', SLF4J_VERSION)}
  </dependencies>
</project>
`;
