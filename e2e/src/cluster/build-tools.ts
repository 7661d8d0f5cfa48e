import { buildSecantus, fetchKafka } from '@provider-access/testing';
import { baseBuild } from '../base-build.ts';
import { TOOLS, tool } from './tools.ts';

/** Builds everything that the cluster tests need and that is not in the cache yet, what is needed first first; whoever needs one meanwhile waits for it. */
const progress = (line: string): void => console.log(line);
await fetchKafka(progress);
await buildSecantus(progress);
await baseBuild(progress);
for (const name of TOOLS) await tool(name, progress);
console.log('The engines, Helm, the control plane, the other programs that Go builds and the earlier build are there.');
