/**
 * Fetches and builds what the tiers of `.ci/run` need and the cache does not hold yet. A tier that needs one meanwhile
 * waits for it.
 */
import { buildSecantus, fetchKafka, fetchSeaweed } from '@provider-access/testing';
import { kubeconformProgram, schemaFolder } from '../e2e/src/chart/kubeconform.ts';
import { promtoolProgram } from '../e2e/src/watch/promtool.ts';

const progress = (line) => console.log(line);
/** The small ones, one after another. */
async function others() {
  await fetchKafka(progress);
  await fetchSeaweed(progress);
  await promtoolProgram(progress);
  await kubeconformProgram(progress);
  await schemaFolder();
}
// The MongoDB-compatible server takes longest, and much of that on one core.
await Promise.all([buildSecantus(progress), others()]);
