import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import helmTs from 'helm-ts/dist/commands/helm-cmd.js';
import { quote } from './kubelet/rootfs.ts';
import { helmProgram } from './programs.ts';

export type Values = Readonly<Record<string, unknown>>;
export interface Release {
  readonly name: string;
  readonly namespace: string;
  readonly status: string;
  readonly revision: number;
  readonly chart: string;
}
export interface HelmCall {
  readonly namespace?: string;
  readonly values?: Values;
  readonly flags?: readonly string[];
  /** Ends Helm with SIGTERM, like Ctrl-C. Helm then fails, and rolls back if that was asked for. */
  readonly cancel?: AbortSignal | undefined;
}
/** Helm's error message, in the form for people. */
class HelmError extends Error {}

type HelmTs = typeof helmTs.default;
/** helm-ts is CommonJS. Some loaders give its default export, others the module around it. */
const simple = (helmTs as { default?: HelmTs }).default ?? (helmTs as unknown as HelmTs);

/**
 * Helm's command line. `list` and `install` use helm-ts. It fails on any warning of Helm and knows no other command, so
 * the rest runs Helm directly. Sets PATH, KUBECONFIG and HELM_*_HOME of this process, because helm-ts takes them from
 * there.
 */
export class Helm {
  readonly #folder: string;
  #values = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param folder for Helm's caches and the given values */
  static async open(folder: string, kubeconfig?: string): Promise<Helm> {
    const bin = dirname(await helmProgram());
    if (!process.env.PATH?.startsWith(`${bin}:`)) process.env.PATH = `${bin}:${process.env.PATH ?? ''}`;
    if (kubeconfig !== undefined) process.env.KUBECONFIG = kubeconfig;
    for (const kind of ['CACHE', 'CONFIG', 'DATA']) process.env[`HELM_${kind}_HOME`] = join(folder, kind.toLowerCase());
    return new Helm(folder);
  }

  #flags({ namespace, values, flags = [] }: HelmCall): string[] {
    const given: string[] = [];
    if (values !== undefined) {
      const file = join(this.#folder, `values-${process.pid}-${(this.#values += 1)}.json`);
      writeFileSync(file, JSON.stringify(values));
      given.push('--values', file);
    }
    return [...(namespace === undefined ? [] : ['--namespace', namespace]), ...given, ...flags];
  }

  /** @returns stdout @throws HelmError */
  run(command: string, args: readonly string[], call: HelmCall = {}): Promise<string> {
    return new Promise((resolve, reject) => {
      const helm = execFile(
        'helm',
        [command, ...args, ...this.#flags(call)],
        { maxBuffer: 64 * 2 ** 20 },
        (error, stdout, stderr) =>
          error === null
            ? resolve(stdout)
            : reject(new HelmError(`helm ${command}: ${(stderr || error.message).trim()}`, { cause: stdout })),
      );
      call.cancel?.addEventListener('abort', () => helm.kill('SIGTERM'), { once: true });
    });
  }

  async list(namespace: string): Promise<Release[]> {
    return (await simple.list({ namespace })) as unknown as Release[];
  }

  /** Waits until everything is ready. @throws HelmError */
  async install(name: string, chart: string, call: HelmCall, timeout = '3m'): Promise<void> {
    const { namespace, ...rest } = call;
    // helm-ts passes its arguments to a shell.
    const flags = [...this.#flags(rest), '--output', 'json', '--wait', '--timeout', timeout].map(quote).join(' ');
    try {
      await simple.install(name, `${quote(chart)} ${flags}`, { namespace });
    } catch (error) {
      throw new HelmError(`helm install: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }

  upgrade(name: string, chart: string, call: HelmCall, timeout = '3m'): Promise<string> {
    return this.run('upgrade', [name, chart, '--wait', '--timeout', timeout], call);
  }

  rollback(name: string, revision: number, call: HelmCall, timeout = '3m'): Promise<string> {
    return this.run('rollback', [name, String(revision), '--wait', '--timeout', timeout], call);
  }

  test(name: string, call: HelmCall, timeout = '2m'): Promise<string> {
    return this.run('test', [name, '--timeout', timeout], call);
  }

  uninstall(name: string, call: HelmCall, timeout = '2m'): Promise<string> {
    return this.run('uninstall', [name, '--wait', '--timeout', timeout], call);
  }
}
