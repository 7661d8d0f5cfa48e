import type { Environment } from '@provider-access/service/config';
import { copiesOf } from './backup/copies.ts';
import { aclOptionsFromEnv, topicsFromEnv, viewsFromEnv } from './config.ts';
import { stateArea, viewsArea } from './mongo-areas.ts';
import type { Declared } from './program.ts';
import { topicsArea } from './topics-area.ts';

/** The hosts of a connection string, without credentials and options. */
const hostsOf = (uri: string): string => /^[a-z+]+:\/\/(?:[^/?]*@)?([^/?]*)/.exec(uri)?.[1] ?? '';

/** The engines of the environment. Each part reads its variables when a command needs it. */
export const declaredFromEnv = (env: Environment): Declared => ({
  topics() {
    const { connection, settings } = topicsFromEnv(env);
    return { target: `Kafka at ${connection.brokers.join(', ')}`, areas: [topicsArea(connection, settings)] };
  },
  views() {
    const options = viewsFromEnv(env);
    return { target: `MongoDB at ${hostsOf(options.uri)}`, areas: [viewsArea(options), stateArea(options)] };
  },
  aclOptions: () => aclOptionsFromEnv(env),
  copies() {
    const { connection, settings } = topicsFromEnv(env);
    return copiesOf(connection, settings);
  },
});
