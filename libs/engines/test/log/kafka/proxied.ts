import { afterAll, beforeAll } from 'vitest';
import { type Kafka, startKafka, tcpProxy, type TcpProxy } from '@provider-access/testing';

export interface Proxied {
  readonly kafka: Kafka;
  readonly proxy: TcpProxy;
}

let starting: Promise<Proxied> | undefined;
async function start(): Promise<Proxied> {
  let proxy: TcpProxy;
  const kafka = await startKafka({
    advertise: async (_, port) => (proxy = await tcpProxy({ target: { port }, protocol: 'kafka' })).port,
  });
  return { kafka, proxy: proxy! };
}

/**
 * A broker behind a proxy for a file of tests. The files of one worker run one after the other and share it, because a
 * start costs several CPU-seconds. It ends with the worker. Each file leaves it running and the proxy without faults.
 */
export function useProxiedKafka(): Proxied {
  let started: Proxied | undefined;
  beforeAll(async () => {
    started = await (starting ??= start());
  });
  afterAll(async () => {
    const { proxy } = started!;
    proxy.loseRequests();
    proxy.dropAnswers(0);
    proxy.resume();
    await proxy.accept();
  });
  return {
    get kafka() {
      return started!.kafka;
    },
    get proxy() {
      return started!.proxy;
    },
  };
}
