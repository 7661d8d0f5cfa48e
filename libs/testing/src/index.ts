export { buildSecantus, SECANTUS_VERSION } from './fetch-secantus.ts';
export { fetchKafka, KAFKA_USER, KAFKA_VERSION } from './fetch-kafka.ts';
export { sharedKafka, startKafka } from './kafka.ts';
export type { Kafka, KafkaOptions } from './kafka.ts';
export { sharedMongo, startMongo } from './mongo.ts';
export type { Mongo, MongoOptions } from './mongo.ts';
export { answers, freePort, LOOPBACK } from './ports.ts';
