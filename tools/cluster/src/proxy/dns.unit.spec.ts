import { describe, expect, it } from 'vitest';
import { answer } from './dns.ts';

const question = (name: string, type: number): Buffer =>
  Buffer.concat([
    Buffer.from([0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0, 0, type, 0, 1]),
  ]);
const resolve = (name: string): readonly string[] | undefined =>
  name === 'export.pa.svc.cluster.local' ? ['10.96.3.7'] : undefined;

describe("the cluster's DNS", () => {
  it('gives the address of a known name, whatever its case', () => {
    const reply = answer(question('Export.pa.svc.cluster.local', 1), resolve)!;
    expect(reply.readUInt16BE(0)).toBe(0x1234);
    expect(reply.readUInt16BE(2)).toBe(0x8500);
    expect(reply.readUInt16BE(6)).toBe(1);
    expect([...reply.subarray(-4)]).toEqual([10, 96, 3, 7]);
  });
  it('has no IPv6 address for it, without saying that the name is unknown', () => {
    const reply = answer(question('export.pa.svc.cluster.local', 28), resolve)!;
    expect([reply.readUInt16BE(2) & 0xf, reply.readUInt16BE(6)]).toEqual([0, 0]);
  });
  it('says of any other that there is none', () => {
    expect(answer(question('kafka.example', 1), resolve)!.readUInt16BE(2) & 0xf).toBe(3);
  });
  it('does not answer what is no question', () => {
    expect(answer(Buffer.from('nonsense'), resolve)).toBeUndefined();
    expect(answer(question('a.b', 1).subarray(0, 14), resolve)).toBeUndefined();
  });
});
