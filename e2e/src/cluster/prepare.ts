import { buildSecantus, fetchKafka, fetchSeaweed } from '@provider-access/testing';
import { baseBuild } from '../base-build.ts';
import { helmProgram } from '../chart/helm-program.ts';
import { promtoolProgram } from '../watch/promtool.ts';
import { crdFolder } from './crds.ts';
import { whyNot } from './namespace.ts';
import { tool } from './tools.ts';

/** Fetches everything from the network before `e2e/cluster/run` leaves it, because the namespace has no way out. */
const progress = (line: string): void => console.error(line);
const problem = whyNot();
if (problem === undefined) {
  for (const name of ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const)
    await tool(name, progress);
  await helmProgram();
  await promtoolProgram(progress);
  await crdFolder(progress);
  await baseBuild(progress);
  await fetchKafka(progress);
  await fetchSeaweed(progress);
  await buildSecantus(progress);
} else {
  progress(`${problem[0]!.toUpperCase()}${problem.slice(1)}.`);
  process.exitCode = 1;
}
