import { request as plain } from 'node:http';
import { request as secure } from 'node:https';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Container, V1HTTPGetAction, V1Probe } from '@kubernetes/client-node';

export interface Target {
  readonly address: string;
  readonly container: V1Container;
  /** Exit code of a command inside the container. */
  readonly exec: (command: readonly string[], timeoutMs: number) => Promise<number>;
}

const portOf = (container: V1Container, port: number | string): number => {
  const number = typeof port === 'number' ? port : container.ports?.find(({ name }) => name === port)?.containerPort;
  if (number === undefined) throw new Error(`no port ${port} in container ${container.name}`);
  return number;
};

/** @returns the fault; undefined if the answer is 200 to 399 */
export function httpGet(target: Target, action: V1HTTPGetAction, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const headers = Object.fromEntries([
      ['user-agent', 'kube-probe/1.37'],
      ['accept', '*/*'],
      ...(action.httpHeaders ?? []).map(({ name, value }) => [name.toLowerCase(), value] as const),
    ]);
    const asked = (action.scheme === 'HTTPS' ? secure : plain)(
      {
        host: action.host ?? target.address,
        port: portOf(target.container, action.port as number | string),
        path: action.path ?? '/',
        headers,
        agent: false,
        rejectUnauthorized: false,
      },
      (answer) => {
        answer.resume();
        const status = answer.statusCode ?? 0;
        resolve(status >= 200 && status < 400 ? undefined : `HTTP probe failed with statuscode: ${status}`);
      },
    );
    const timer = setTimeout(() => {
      resolve(`no answer within ${timeoutMs / 1000} s`);
      asked.destroy();
    }, timeoutMs);
    asked.on('close', () => clearTimeout(timer));
    asked.on('error', (error) => resolve(error.message));
    asked.end();
  });
}

const tcp = (host: string, port: number, timeoutMs: number): Promise<string | undefined> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const done = (fault?: string): void => {
      socket.destroy();
      resolve(fault);
    };
    socket
      .once('connect', () => done())
      .once('timeout', () => done('no connection in time'))
      .once('error', (error) => done(error.message));
  });

async function ask(target: Target, probe: V1Probe): Promise<string | undefined> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  if (probe.httpGet) return httpGet(target, probe.httpGet, timeoutMs);
  if (probe.tcpSocket)
    return tcp(
      probe.tcpSocket.host ?? target.address,
      portOf(target.container, probe.tcpSocket.port as number | string),
      timeoutMs,
    );
  if (probe.exec) {
    const code = await target.exec(probe.exec.command ?? [], timeoutMs);
    return code === 0 ? undefined : `command ended with ${code}`;
  }
  return 'this kubelet does not know this kind of probe';
}

export interface ProbeEvents {
  started(): void;
  ready(ready: boolean): void;
  /** True if the container must be killed and restarted. */
  unhealthy(why: string): void;
  failed(kind: string, why: string): void;
}

/**
 * Probes like a kubelet: the startup probe first and alone, then readiness and liveness at the same time, until
 * `signal`.
 */
export async function probe(target: Target, events: ProbeEvents, signal: AbortSignal): Promise<void> {
  const { startupProbe, readinessProbe, livenessProbe } = target.container;
  const pause = (seconds: number): Promise<unknown> =>
    sleep(seconds * 1000, undefined, { signal }).catch(() => undefined);
  /** Calls `turned` whenever a threshold is reached, until it returns true. */
  const follow = async (kind: string, one: V1Probe, turned: (good: boolean, why: string) => boolean): Promise<void> => {
    await pause(one.initialDelaySeconds ?? 0);
    let good = 0;
    let bad = 0;
    while (!signal.aborted) {
      const why = await ask(target, one);
      if (signal.aborted) return;
      good = why === undefined ? good + 1 : 0;
      bad = why === undefined ? 0 : bad + 1;
      if (why !== undefined) events.failed(kind, why);
      if (good >= (one.successThreshold ?? 1) && turned(true, '')) return;
      if (bad >= (one.failureThreshold ?? 3) && turned(false, `${kind} probe failed: ${why}`)) return;
      await pause(one.periodSeconds ?? 10);
    }
  };
  let dead = false;
  const kills = (good: boolean, why: string): boolean => {
    if (!good) {
      dead = true;
      events.unhealthy(why);
    }
    return !good;
  };
  if (startupProbe) await follow('Startup', startupProbe, (good, why) => kills(good, why) || good);
  if (dead || signal.aborted) return;
  events.started();
  if (!readinessProbe) events.ready(true);
  await Promise.all([
    readinessProbe &&
      follow('Readiness', readinessProbe, (good) => {
        events.ready(good);
        return false;
      }),
    livenessProbe && follow('Liveness', livenessProbe, kills),
  ]);
}
