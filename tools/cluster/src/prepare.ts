import { buildSecantus, fetchKafka, fetchSeaweed } from '@provider-access/testing';
import { whyNot } from './namespace.ts';
import { CONTROL_PLANE, controlPlaneProgram, helmProgram } from './programs.ts';

/** Fetches everything from the network before `tools/cluster/run` leaves it, because the namespace has no way out. */
const progress = (line: string): void => console.error(line);
const problem = whyNot();
if (problem === undefined) {
  for (const name of CONTROL_PLANE) await controlPlaneProgram(name, progress);
  await helmProgram();
  await fetchKafka(progress);
  await fetchSeaweed(progress);
  await buildSecantus(progress);
} else {
  progress(`${problem[0]!.toUpperCase()}${problem.slice(1)}.`);
  process.exitCode = 1;
}
