import { expect, test } from 'vitest';
import { syntheticPayer } from '@provider-access/synthetic';
import { describeUnless } from './describe-unless.ts';
import { freshPlatform, publishAll } from './harness.ts';
import { AS_OF, http } from './road.ts';
import { noPromtool, promtoolWith } from './watch/promtool.ts';

/** A finding about a metric of prom-client, whose names are its own. */
const OF_NODE = /^(nodejs|process)_/;

describeUnless(noPromtool, 'metrics in the text format', () => {
  test('promtool finds no fault in what /metrics answers', async () => {
    const fresh = await freshPlatform();
    try {
      await publishAll(fresh.platform(), syntheticPayer({ seed: '1', members: 3, asOf: AS_OF }).events());
      const text = (await http(`${fresh.platform().base}/metrics`)).body.toString('utf8');
      const { output } = await promtoolWith(text, ['check', 'metrics']);
      expect(output.split('\n').filter((line) => line !== '' && !OF_NODE.test(line))).toEqual([]);
      const broken = await promtoolWith(text.replace('# TYPE pa_build_info gauge', '# TYPE pa_build_info guage'), [
        'check',
        'metrics',
      ]);
      expect(broken.code).not.toBe(0);
    } finally {
      await fresh.dispose();
    }
  }, 900_000);
});
