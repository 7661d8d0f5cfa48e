import { LOOPBACK } from './ports.ts';

export interface NodePorts {
  readonly id: number;
  readonly client: number;
  readonly internal: number;
  readonly controller: number;
  /** The addresses that clients of the plain listener get. */
  readonly advertised: number;
}

export interface Listener {
  readonly name: string;
  readonly protocol: 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL';
  readonly port: number;
}

/** 16 MiB: topics of resource snapshots take 13 MiB. */
const MAX_MESSAGE_BYTES = String(16 * 1024 * 1024);

/**
 * A broker that is also a controller. Brokers talk to each other on a listener of their own, so that what a test does
 * to the clients' listener (a proxy, TLS, SASL) does not affect them.
 */
export function baseProperties(
  node: NodePorts,
  nodes: readonly NodePorts[],
  data: string,
  extra: readonly Listener[],
): Record<string, string> {
  const replication = String(nodes.length);
  const listeners = [
    { name: 'CLIENT', protocol: 'PLAINTEXT', port: node.client, advertised: node.advertised },
    { name: 'INTERNAL', protocol: 'PLAINTEXT', port: node.internal, advertised: node.internal },
    ...extra.map((listener) => ({ ...listener, advertised: listener.port })),
  ];
  return {
    'process.roles': 'broker,controller',
    'node.id': String(node.id),
    'controller.quorum.voters': nodes.map(({ id, controller }) => `${id}@${LOOPBACK}:${controller}`).join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'INTERNAL',
    listeners: [
      ...listeners.map(({ name, port }) => `${name}://${LOOPBACK}:${port}`),
      `CONTROLLER://${LOOPBACK}:${node.controller}`,
    ].join(','),
    'advertised.listeners': listeners.map(({ name, advertised }) => `${name}://${LOOPBACK}:${advertised}`).join(','),
    'listener.security.protocol.map': [
      ...listeners.map(({ name, protocol }) => `${name}:${protocol}`),
      'CONTROLLER:PLAINTEXT',
    ].join(','),
    'log.dirs': data,
    'auto.create.topics.enable': 'false',
    'default.replication.factor': replication,
    'message.max.bytes': MAX_MESSAGE_BYTES,
    'replica.fetch.max.bytes': MAX_MESSAGE_BYTES,
    // With the defaults a killed broker takes 12 s to come back. A broker that pauses for longer than its session is
    // fenced, and then no topic can be created. One second was too short for a busy machine.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '200',
    'group.initial.rebalance.delay.ms': '0',
    'offsets.topic.num.partitions': '1',
    'offsets.topic.replication.factor': replication,
    'transaction.state.log.num.partitions': '1',
    'transaction.state.log.replication.factor': replication,
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': replication,
    'share.coordinator.state.topic.min.isr': '1',
    'group.min.session.timeout.ms': '1000',
    'num.network.threads': '2',
    'num.io.threads': '4',
    'log.cleaner.dedupe.buffer.size': '16777216',
    'log.segment.delete.delay.ms': '1000',
  };
}
