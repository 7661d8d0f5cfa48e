import { type Environment, kafkaEnv, mongoEnv, mongoOptions, readConfig } from '@provider-access/service/config';
import { z } from 'zod';
import { copiesOf } from './backup/copies.ts';
import { topicsFromEnv } from './config.ts';
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
    const options = mongoOptions(readConfig(z.object(mongoEnv), env), 'admin');
    return { target: `MongoDB at ${hostsOf(options.uri)}`, areas: [viewsArea(options), stateArea(options)] };
  },
  aclOptions() {
    const { KAFKA_TOPIC_PREFIX, KAFKA_GROUP_PREFIX } = kafkaEnv;
    const prefixes = readConfig(z.object({ KAFKA_TOPIC_PREFIX, KAFKA_GROUP_PREFIX }), env);
    // As in the services, the default of the group prefix is the topic prefix.
    const { KAFKA_TOPIC_PREFIX: topicPrefix = '', KAFKA_GROUP_PREFIX: groupPrefix = topicPrefix } = prefixes;
    return { topicPrefix, groupPrefix };
  },
  copies() {
    const { connection, settings } = topicsFromEnv(env);
    return copiesOf(connection, settings);
  },
});
