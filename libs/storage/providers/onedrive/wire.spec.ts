import { describe, expect, it, vi } from 'vitest';
import { startMicrosoftDouble } from '../../../../test/doubles/microsoft/index.js';
import { AddressRefused, ConnectionAway } from '../../errors.js';
import { newFolderName } from '../../folder-name.js';
import { OnedriveProvider } from './onedrive-provider.js';
import { Wire } from './wire.js';

const tokens = { current: async () => 'the-token', renew: async () => 'the-token' };
const resolve = async (name: string) =>
  name.startsWith('rebound')
    ? [{ address: '127.0.0.1', family: 4 }]
    : Promise.reject(new Error('nothing is looked up'));

describe('Without an origin that stands in for it, Microsoft', () => {
  it.each([
    'http://upload.example.com/up/1',
    'https://127.0.0.1/up/1',
    'https://10.0.0.1/up/1',
    'https://169.254.169.254/up/1',
    'https://[::1]/up/1',
    'https://localhost/up/1',
    'https://gateway.internal/up/1',
    'https://upload.example.com:6379/up/1',
    'https://rebound.example.com/up/1',
  ])('is not followed to %s', async (address) => {
    const wire = new Wire({
      tokens,
      outbound: { allowHosts: ['10.0.0.0/8', 'localhost', 'gateway.internal'], resolve },
    });
    const url = wire.link(address);
    for (const send of [
      () => wire.exchange({ kind: 'upload', method: 'PUT', url }),
      () => wire.open({ kind: 'download', method: 'GET', url }),
    ]) {
      await expect(send()).rejects.toBeInstanceOf(AddressRefused);
    }
    wire.close();
  });

  it('is where our token goes, and nowhere else', async () => {
    const wire = new Wire({ tokens, outbound: { allowHosts: [], resolve } });
    const url = new URL('https://upload.example.com/');
    await expect(wire.asOwner({ kind: 'look', method: 'GET', url })).rejects.toThrow('for Graph alone');
    wire.close();
  });

  it.each([
    null,
    '',
    'ftp://example.com/',
    '/up/1',
    'https://a:b@example.com/',
    `https://example.com/${'x'.repeat(9000)}`,
  ])('does not lead to %j', (address) => {
    const wire = new Wire({ tokens });
    expect(() => wire.link(address)).toThrow(ConnectionAway);
    wire.close();
  });
});

describe('An origin on this machine', () => {
  it('is reached without any proxy of the environment', async () => {
    const double = await startMicrosoftDouble();
    for (const name of ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY']) vi.stubEnv(name, 'http://127.0.0.1:9');
    vi.stubEnv('NODE_USE_ENV_PROXY', '1');
    const origin = double.origin.replace('127.0.0.1', 'localhost');
    const provider = new OnedriveProvider({
      tokens: double.tokensOf('ada@example.com'),
      origin,
      folder: newFolderName(),
    });
    try {
      await provider.writeMarker(Buffer.from('marker'));
      expect(await provider.readMarker()).toEqual(Buffer.from('marker'));
    } finally {
      vi.unstubAllEnvs();
      await provider.close();
      await double.stop();
    }
  });

  it('is named as operators are asked to name what calls', async () => {
    const double = await startMicrosoftDouble();
    const wire = new Wire({ tokens: double.tokensOf('ada@example.com'), origin: double.origin });
    await wire.asOwner({ kind: 'look', method: 'GET', url: new URL('/v1.0/me/drive', double.origin) });
    expect(double.agents.at(-1)).toMatch(/^NONISV\|Tessera\|Tessera\/\d/);
    wire.close();
    await double.stop();
  });
});
