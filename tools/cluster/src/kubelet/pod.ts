import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Container, V1ContainerState, V1Pod } from '@kubernetes/client-node';
import { codeOf, mergePatch, now, type Api } from '../api.ts';
import type { Images } from '../images.ts';
import { startContainer, type Running } from './container.ts';
import { probe } from './probes.ts';
import { openSandbox, type Sandbox } from './sandbox.ts';
import { newRecord, podStatus, type ContainerRecord } from './status.ts';
import { environmentOf } from './values.ts';
import { mountsOf, mountVolumes } from './volumes.ts';

export interface KubeletContext {
  readonly api: Api;
  readonly images: Images;
  /** Volumes, roots and process ids of pods while they exist, and `logs/<namespace>/<pod>/<container>.log`. */
  readonly folder: string;
  readonly event: (pod: V1Pod, type: 'Normal' | 'Warning', reason: string, message: string) => void;
}

/** Pause before the kubelet looks again for something that a pod lacks. */
const RETRY_MS = 1000;
/** The first restart is immediate, the next ones wait a tenth of a kubelet's time. */
const backoffMs = (restarts: number): number => (restarts === 0 ? 0 : Math.min(1000 * 2 ** (restarts - 1), 30_000));

/** One pod on this node, from its binding to its end. */
export class PodRun {
  readonly #context: KubeletContext;
  readonly #folder: string;
  readonly #ending = new AbortController();
  readonly #startTime = now();
  readonly #inits: readonly ContainerRecord[];
  readonly #containers: readonly ContainerRecord[];
  readonly #running = new Map<ContainerRecord, Running>();
  readonly #over: Promise<void>;
  #pod: V1Pod;
  #sandbox: Sandbox | undefined;
  #initialized = false;
  #writing: Promise<void> | undefined;
  #stale = false;
  #stopping: Promise<void> | undefined;

  constructor(context: KubeletContext, pod: V1Pod) {
    this.#context = context;
    this.#pod = pod;
    this.#folder = join(context.folder, 'pods', pod.metadata!.uid!);
    const records = (of: readonly V1Container[] | undefined): ContainerRecord[] =>
      (of ?? []).map(({ name, image }) => newRecord(name, image ?? ''));
    this.#inits = records(pod.spec!.initContainers);
    this.#containers = records(pod.spec!.containers);
    this.#over = this.#run().catch((error: unknown) =>
      this.#context.event(this.#pod, 'Warning', 'Failed', String(error)),
    );
  }

  /** The current object, because others write conditions too. */
  update(pod: V1Pod): void {
    this.#pod = pod;
  }

  /** Ends its containers as its deletion asks, and confirms the deletion. */
  stop(): Promise<void> {
    this.#stopping ??= this.#end(
      this.#pod.metadata?.deletionGracePeriodSeconds ?? this.#pod.spec!.terminationGracePeriodSeconds ?? 30,
      true,
    );
    return this.#stopping;
  }

  /** Ends its containers at once, because the pod's object is deleted already. */
  kill(): Promise<void> {
    for (const running of this.#running.values()) void running.stop(0);
    this.#stopping ??= this.#end(0, false);
    return this.#stopping;
  }

  async #end(graceSeconds: number, confirm: boolean): Promise<void> {
    this.#ending.abort();
    await Promise.all([...this.#running.values()].map((running) => running.stop(graceSeconds)));
    await this.#over;
    this.#sandbox?.close();
    if (confirm) {
      await this.#report();
      const { name, namespace, uid } = this.#pod.metadata!;
      await this.#context.api.core
        .deleteNamespacedPod({
          name: name!,
          namespace: namespace!,
          body: { gracePeriodSeconds: 0, preconditions: { uid } },
        })
        .catch(ignoreGone);
    }
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  get #ended(): boolean {
    return this.#ending.signal.aborted;
  }

  /** Tries until it works. A missing object is reported where `kubectl describe` shows it. */
  async #untilThere<T>(attempt: () => Promise<T>, missing: (why: string) => void): Promise<T | undefined> {
    while (!this.#ended) {
      try {
        return await attempt();
      } catch (error) {
        if (this.#ended) return undefined;
        missing(error instanceof Error ? error.message : String(error));
        await this.#report();
        await sleep(RETRY_MS, undefined, { signal: this.#ending.signal }).catch(() => undefined);
      }
    }
    return undefined;
  }

  async #run(): Promise<void> {
    const volumes = join(this.#folder, 'volumes');
    const sandbox = await this.#untilThere(openSandbox, (why) =>
      this.#context.event(this.#pod, 'Warning', 'FailedCreatePodSandBox', why),
    );
    if (sandbox === undefined) return;
    this.#sandbox = sandbox;
    let reported = '';
    await this.#untilThere(
      () => mountVolumes(this.#context.api, this.#pod, volumes, sandbox.address),
      (why) => {
        if (why !== reported) this.#context.event(this.#pod, 'Warning', 'FailedMount', why);
        reported = why;
      },
    );
    for (const [i, record] of this.#inits.entries()) {
      const code = await this.#keep(
        this.#pod.spec!.initContainers![i]!,
        record,
        volumes,
        sandbox,
        this.#pod.spec!.restartPolicy === 'Never' ? 'Never' : 'OnFailure',
      );
      if (code !== 0) return this.#report();
    }
    if (this.#ended) return;
    this.#initialized = true;
    await Promise.all(
      this.#containers.map((record, i) =>
        this.#keep(this.#pod.spec!.containers[i]!, record, volumes, sandbox, this.#pod.spec!.restartPolicy ?? 'Always'),
      ),
    );
    await this.#report();
    // A pod that has ended by itself keeps its object and loses its network.
    if (!this.#ended) sandbox.close();
  }

  /**
   * Starts a container as often as its policy says. @returns its last exit code; undefined if the pod ended before it
   * began
   */
  async #keep(
    container: V1Container,
    record: ContainerRecord,
    volumes: string,
    sandbox: Sandbox,
    policy: string,
  ): Promise<number | undefined> {
    for (;;) {
      const running = await this.#start(container, record, volumes, sandbox);
      if (running === undefined) return undefined;
      const code = await this.#watch(container, record, running);
      const again = !this.#ended && (policy === 'Always' || (policy === 'OnFailure' && code !== 0));
      if (!again) {
        await this.#report();
        return code;
      }
      record.lastState = record.state;
      const wait = backoffMs(record.restarts);
      record.restarts += 1;
      if (wait > 0) {
        record.state = {
          waiting: {
            reason: 'CrashLoopBackOff',
            message: `back-off ${wait / 1000}s restarting failed container ${container.name}`,
          },
        };
        this.#context.event(this.#pod, 'Warning', 'BackOff', `Back-off restarting failed container ${container.name}`);
      }
      await this.#report();
      await sleep(wait, undefined, { signal: this.#ending.signal }).catch(() => undefined);
      if (this.#ended) return code;
    }
  }

  #start(
    container: V1Container,
    record: ContainerRecord,
    volumes: string,
    sandbox: Sandbox,
  ): Promise<Running | undefined> {
    const waiting = (reason: string, message: string): void => {
      if (record.state.waiting?.reason !== reason)
        this.#context.event(this.#pod, 'Warning', 'Failed', `Error: ${reason}: ${message}`);
      record.state = { waiting: { reason, message } };
    };
    return this.#untilThere(
      async () => {
        const image = this.#context.images.find(container.image ?? '');
        if (image === undefined) throw new PullError(`Failed to pull image "${container.image}": not found`);
        const env = await environmentOf(this.#context.api, this.#pod, container, sandbox.address);
        const mounts = mountsOf(this.#pod, container, volumes, env);
        const { name, namespace } = this.#pod.metadata!;
        const running = await startContainer({
          pod: this.#pod,
          container,
          image,
          env,
          mounts,
          sandbox,
          folder: join(this.#folder, 'containers', container.name),
          logFile: join(this.#context.folder, 'logs', namespace!, name!, `${container.name}.log`),
        });
        this.#running.set(record, running);
        record.state = { running: { startedAt: now() } };
        if (this.#ended) void running.stop(0);
        await this.#report();
        return running;
      },
      (why) => {
        const reason = record.state.waiting?.reason;
        // First the error, then the wait for the next attempt.
        if (/^Failed to pull/.test(why))
          return waiting(
            reason === 'ErrImagePull' || reason === 'ImagePullBackOff' ? 'ImagePullBackOff' : 'ErrImagePull',
            why,
          );
        return waiting('CreateContainerConfigError', why);
      },
    );
  }

  async #watch(container: V1Container, record: ContainerRecord, running: Running): Promise<number> {
    const probing = new AbortController();
    const set = (change: Partial<ContainerRecord>): void => {
      Object.assign(record, change);
      void this.#report();
    };
    void probe(
      running.target,
      {
        started: () => set({ started: true }),
        ready: (ready) => record.ready !== ready && set({ ready }),
        failed: (kind, why) => this.#context.event(this.#pod, 'Warning', 'Unhealthy', `${kind} probe failed: ${why}`),
        unhealthy: (why) => {
          this.#context.event(this.#pod, 'Normal', 'Killing', `Container ${container.name} failed: ${why}`);
          void running.stop(
            container.livenessProbe?.terminationGracePeriodSeconds ??
              this.#pod.spec!.terminationGracePeriodSeconds ??
              30,
          );
        },
      },
      probing.signal,
    ).catch((error: unknown) => this.#context.event(this.#pod, 'Warning', 'Unhealthy', String(error)));
    const exitCode = await running.exited;
    probing.abort();
    this.#running.delete(record);
    const terminated: V1ContainerState = {
      terminated: {
        exitCode,
        reason: exitCode === 0 ? 'Completed' : 'Error',
        startedAt: running.startedAt,
        finishedAt: now(),
      },
    };
    Object.assign(record, { ready: false, started: false, state: terminated });
    return exitCode;
  }

  /** Writes the status. Changes during a write go into the next one. */
  #report(): Promise<void> {
    if (this.#writing !== undefined) {
      this.#stale = true;
      return this.#writing;
    }
    this.#writing = (async () => {
      do {
        this.#stale = false;
        await this.#write();
      } while (this.#stale);
    })().finally(() => (this.#writing = undefined));
    return this.#writing;
  }

  async #write(): Promise<void> {
    const { name, namespace } = this.#pod.metadata!;
    const status = podStatus(this.#pod, {
      startTime: this.#startTime,
      address: this.#sandbox?.address,
      initialized: this.#initialized,
      inits: this.#inits,
      containers: this.#containers,
    });
    const written = await this.#context.api.core
      .patchNamespacedPodStatus(
        { name: name!, namespace: namespace!, body: { metadata: { uid: this.#pod.metadata!.uid }, status } },
        mergePatch,
      )
      .catch(ignoreGone);
    if (written) this.#pod = written;
  }
}

class PullError extends Error {}

/** Deleted, or replaced by another pod of the same name. */
function ignoreGone(error: unknown): undefined {
  const code = codeOf(error);
  if (code === 404 || code === 409) return undefined;
  throw error;
}
