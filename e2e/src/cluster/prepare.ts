import { baseBuild } from '../base-build.ts';
import { crdFolder } from '../chart/crds.ts';
import { promtoolProgram } from '../watch/promtool.ts';

/** Fetches what the installed specs need from the network, because a cluster has no way out. */
const progress = (line: string): void => console.error(line);
await promtoolProgram(progress);
await crdFolder(progress);
await baseBuild(progress);
