/** Fetches and builds what the tiers of `.ci/run` need and the cache does not hold yet. A tier that needs one meanwhile waits for it. */
import { buildSecantus, fetchKafka } from '@provider-access/testing';

const progress = (line) => console.log(line);
await fetchKafka(progress);
await buildSecantus(progress);
