import { configure } from '../../.ci/vitest.base.mjs';

export default configure();
