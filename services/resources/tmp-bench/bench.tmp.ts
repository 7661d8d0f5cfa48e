import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedLog } from '@provider-access/eventlog/embedded';
import { openEmbeddedState } from '@provider-access/state/embedded';
import { openEmbeddedViews } from '@provider-access/views/embedded';
import { House, event, condition, patient } from './house.tmp.ts';
import { generate } from './gen.tmp.ts';
const dir = mkdtempSync(join(tmpdir(), 'bench-'));
const log = openEmbeddedLog({ file: join(dir, 'log.db') });
const house = await House.open({ log, views: openEmbeddedViews({ file: join(dir, 'views.db') }), state: openEmbeddedState({ file: join(dir, 'state.db'), log }) });
const lines = generate(Number(process.argv[2] ?? 100));
console.log('events', lines.length, 'MB', lines.reduce((a, l) => a + l.length, 0) / 1e6);
const body = lines.join('\n');
let t = performance.now();
const url = await house.app.listen(0, '127.0.0.1').then(() => house.app.getUrl());
const res = await fetch(`${url}/events`, { method: 'POST', headers: { authorization: `Bearer ${house.payerToken}`, 'content-type': 'application/x-ndjson' }, body });
const text = await res.text();
const summary = JSON.parse(text.trim().split('\n').at(-1)!).summary;
console.log('accepted', Math.round(performance.now() - t), 'ms', summary);
const r = await (await fetch(`${url}/events/receipts/${summary.receipt}?wait=60`, { headers: { authorization: `Bearer ${house.payerToken}` } })).json();
await house.settled();
const ms = performance.now() - t;
console.log('visible', Math.round(ms), 'ms', Math.round(lines.length / ms * 1000), 'events/s', r.expected, r.handled, r.counts);
const why: any = {}; for (const i of r.items) why[i.outcome + ' ' + (i.reason ?? '') + ' ' + (i.about ?? '').split('/')[0]] = (why[i.outcome + ' ' + (i.reason ?? '') + ' ' + (i.about ?? '').split('/')[0]] ?? 0) + 1; console.log(why);
if (process.argv[3] === 'read') {
  await house.approve('app1'); await house.attribute('m0');
  await house.publish([{ subject: 'm0', resource: patient('m0') }, ...Array.from({ length: 60 }, (_, i) => ({ subject: 'm0', resource: condition('m0', `bench-${i}`) }))]); await house.settled();
  const token = await house.token('app1');
  for (const [name, path] of [['read', '/fhir/Condition/bench-1'], ['search', '/fhir/Condition?patient=m0&_count=50']] as const) {
    const { default: http } = await import('node:http');
    const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
    const n = name === 'read' ? 20000 : 3000;
    let done = 0; t = performance.now();
    const one = (): Promise<void> => new Promise((ok, no) => { http.get(`${url}${path}`, { agent, headers: { authorization: `Bearer ${token}` } }, (a) => { if (a.statusCode !== 200) no(new Error(String(a.statusCode))); a.resume(); a.on('end', ok); }).on('error', no); });
    await Promise.all(Array.from({ length: 32 }, async () => { while (done < n) { done++; await one(); } }));
    console.log(name, Math.round(n / (performance.now() - t) * 1000), '/s (client in the same thread)');
    t = performance.now(); done = 0; const f = house.app.getHttpAdapter().getInstance();
    await Promise.all(Array.from({ length: 32 }, async () => { while (done < n) { done++; await f.inject({ url: path, headers: { authorization: `Bearer ${token}` } }); } }));
    console.log(name, Math.round(n / (performance.now() - t) * 1000), '/s inject');
  }
}
await house.close();
