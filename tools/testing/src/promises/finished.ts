import { eventually } from '../eventually.ts';
import { Broken, json, type World } from './world.ts';

/** A file of a manifest. */
export interface Item {
  readonly url: string;
  readonly type?: string;
}
export interface Manifest {
  readonly transactionTime: string;
  readonly outputOrganizedBy?: string;
  readonly output: readonly Item[];
  readonly deleted?: readonly Item[];
  readonly error?: readonly Item[];
}
export interface FinishedOptions {
  readonly world: World;
  /** Replaces instances that died. */
  readonly afterwards: () => Promise<void>;
}

/** Polls the status of a job like a client until the job has ended. */
export async function finished(
  { world, afterwards }: FinishedOptions,
  { url, client }: { readonly url: string; readonly client: number },
  via: number,
): Promise<Manifest> {
  const status = await eventually(
    async () => {
      await world.work();
      await afterwards();
      const answer = await world.read(url, client, via);
      return answer.status !== 202 && answer;
    },
    { what: 'the job is complete', timeout: 180_000 },
  );
  if (status.status !== 200) throw new Broken(`a job was answered ${status.status} ${status.body}`);
  return json(status) as Manifest;
}
