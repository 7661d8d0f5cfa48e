import { describe, expect, it } from 'vitest';
import { inContainer, quote } from './rootfs.ts';

describe('the user of a container', () => {
  const user = { uid: 10001, gid: 10001, groups: [10001, 7] };
  it('loses every capability and the way back where the pod says so', () => {
    const command = inContainer('/r', user, { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }, [
      '/app/x',
      'auth',
    ]).join(' ');
    expect(command).toContain('--inh-caps=-all,+sys_chroot,+setuid,+setgid ');
    expect(command).toMatch(
      /--bounding-set=-all --no-new-privs .*chroot --userspec=10001:10001 --groups=10001,7 \/r \/app\/x auth$/,
    );
  });
  it('keeps them where it does not', () => {
    expect(inContainer('/r', { uid: 0, gid: 0, groups: [] }, {}, ['x']).join(' ')).toMatch(
      /chroot --userspec=0:0 --groups= \/r x$/,
    );
    expect(inContainer('/r', user, {}, ['x']).join(' ')).not.toContain('setpriv');
  });
  it('quotes a command for a shell', () => {
    expect(quote("it's $x")).toBe("'it'\\''s $x'");
  });
});
