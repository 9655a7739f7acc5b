import { inspect } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { type MicrosoftDouble, startMicrosoftDouble } from '../../../../test/doubles/microsoft/index.js';
import { AccessRefused, BlobMissing, ConnectionAway, FolderInUse, FolderMissing } from '../../errors.js';
import { newBlobName } from '../../blob-name.js';
import { newFolderName } from '../../folder-name.js';
import { probe } from '../../probe.js';
import type { BlobName } from '../../provider.js';
import type { GatedRequest, RequestGate, RequestOutcome } from '../../request-gate.js';
import { bodyOf, listAll, readAll, someBytes, TestClock } from '../../testing/index.js';
import { retrying } from '../../wrappers/index.js';
import { onedrive } from './index.js';
import { WiderConsentNeeded } from './graph-faults.js';
import { OnedriveProvider } from './onedrive-provider.js';

const ada = 'ada@example.com';
const grace = 'grace@firm.example';
const narrow = ['Files.ReadWrite.AppFolder'];
const wide = ['Files.ReadWrite'];
const bytes = someBytes(100_000);
const hourMs = 3_600_000;

let double: MicrosoftDouble;
let folder: string;
beforeEach(async () => {
  double = await startMicrosoftDouble();
  folder = newFolderName();
  return () => double.stop();
});

const open = (email: string, scopes: readonly string[], gate?: RequestGate) =>
  new OnedriveProvider({ tokens: double.tokensOf(email, scopes), origin: double.origin, folder, gate });
const made = async (email = ada, scopes = narrow, gate?: RequestGate) => {
  const provider = open(email, scopes, gate);
  await provider.writeMarker(someBytes(100));
  return provider;
};
const kept = async (provider: OnedriveProvider): Promise<BlobName> => {
  const name = await provider.nameBlob();
  await provider.put(name, bodyOf(bytes));
  return name;
};
const read = (provider: OnedriveProvider, name: BlobName) =>
  readAll(provider, name, { offset: 0, length: bytes.length });
const refusalOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => error,
  );

describe('The folder of the application', () => {
  it('is enough for everything a trial asks for, and is left as it was', async () => {
    expect(await probe(open(ada, narrow))).toMatchObject({ ok: true });
    expect(double.files(ada)).toEqual([]);
  });

  it('says which consent it takes, where Microsoft refuses the narrow one', async () => {
    double.ways.graph.appFolderBroken = true;
    const refusal = await refusalOf(open(ada, narrow).writeMarker(someBytes(10)));
    expect(refusal).toBeInstanceOf(WiderConsentNeeded);
    expect(refusal).toBeInstanceOf(AccessRefused);
    expect(inspect(refusal)).toContain('All files');
    await made(ada, wide);
    expect(await open(ada, narrow).readMarker()).toEqual(someBytes(100));
  });

  it('is found again where its owner has renamed it', async () => {
    const provider = await made();
    const name = await kept(provider);
    const drive = double.drive(ada);
    drive.rename(drive.approot!, 'Holidays');
    for (const one of [provider, open(ada, narrow)]) expect((await read(one, name)).equals(bytes)).toBe(true);
  });

  it('that its owner has deleted is away, and nothing in it is missing', async () => {
    const provider = await made();
    const name = await kept(provider);
    const drive = double.drive(ada);
    drive.remove(drive.approot!, false);
    for (const call of [
      () => provider.stat(name),
      () => read(provider, name),
      () => provider.delete(name),
      () => provider.list(),
      () => provider.put(name, bodyOf(bytes)),
    ]) {
      await expect(call()).rejects.toBeInstanceOf(ConnectionAway);
    }
    expect(await provider.readMarker()).toBeNull();
  });

  it('is not taken away with something of a stranger’s in it', async () => {
    const provider = await made();
    const drive = double.drive(ada);
    const ours = drive.below(drive.approot!, [folder]);
    drive.place({ ...ours!, children: ours!.children! }, 'holidays.txt', double.bytes.newContent(), 'fail');
    expect(await listAll(provider)).toEqual([{ name: 'holidays.txt', length: 0, checksum: null, foreign: true }]);
    await expect(provider.removeFolder()).rejects.toBeInstanceOf(FolderInUse);
    expect(double.files(ada)).toHaveLength(2);
  });

  it('goes to the bin, so that its owner can bring it back', async () => {
    const provider = await made(grace, wide);
    await provider.removeFolder();
    expect(double.drive(grace).bin.map(({ name }) => name)).toEqual([folder]);
  });
});

describe('A caller who goes away', () => {
  it.each(['special/approot', '/children'])('waits no longer for what all wait for: %s', async (about) => {
    const provider = await made();
    const name = await provider.nameBlob();
    double.script({ about, does: { kind: 'falls-silent' } });
    const leaving = new AbortController();
    const again = about === '/children' ? provider : open(ada, narrow);
    const call = again.put(name, bodyOf(bytes), { signal: leaving.signal });
    const reason = new Error('gone');
    const refusal = refusalOf(call);
    await expect.poll(() => double.requests.at(-1)).toContain(about);
    leaving.abort(reason);
    expect(await refusal).toBe(reason);
    await again.close();
  });
});

describe('A token', () => {
  it('that has expired is renewed once, and the call goes on', async () => {
    const provider = await made();
    const name = await kept(provider);
    double.advance(2 * hourMs);
    expect((await read(provider, name)).equals(bytes)).toBe(true);
    double.accounts.expireAccessTokens();
    await kept(provider);
  });

  it('that is refused twice is a refusal', async () => {
    const provider = await made();
    double.script({ about: '/v1.0/', does: { kind: 'answers', status: 401, code: 'InvalidAuthenticationToken' } });
    double.requests.length = 0;
    await expect(provider.space()).rejects.toBeInstanceOf(AccessRefused);
    expect(double.requests).toHaveLength(2);
  });

  it('is in no error, and no address with a permission in it is, either', async () => {
    const tokens = double.tokensOf(ada, narrow);
    const provider = new OnedriveProvider({
      tokens,
      origin: double.origin,
      folder,
      sizes: { onePut: 0, fragment: 327_680 },
    });
    await provider.writeMarker(someBytes(100));
    const name = await kept(provider);
    const secret = `${await tokens.current()}|tempauth|Bearer`;
    for (const does of [
      { kind: 'resets' },
      { kind: 'breaks', after: 10 },
      ...[400, 401, 403, 404, 409, 413, 416, 429, 500, 503, 507].map((status) => ({
        kind: 'answers' as const,
        status,
      })),
    ] as const) {
      for (const about of ['/v1.0/', '/up/', '/dl/']) {
        double.script({ about, does });
        const calls = [
          () => kept(provider),
          () => read(provider, name),
          () => provider.readMarker(),
          () => provider.list(),
        ];
        for (const call of calls) {
          const told = inspect(await refusalOf(call()), { depth: 9, showHidden: true });
          for (const word of secret.split('|')) expect(told).not.toContain(word);
        }
      }
    }
  });
});

describe('A download', () => {
  it('of many ranges asks for the address once, and again when the blob is another', async () => {
    double.ways.bytes.servesDeleted = true;
    const provider = await made();
    const name = await kept(provider);
    double.requests.length = 0;
    for (let offset = 0; offset < bytes.length; offset += 10_000) {
      const part = await readAll(provider, name, { offset, length: 10_000 });
      expect(part.equals(bytes.subarray(offset, offset + 10_000))).toBe(true);
    }
    expect(double.requests.filter((line) => line.includes(':/content'))).toHaveLength(1);
    await provider.delete(name);
    const other = someBytes(bytes.length, 'other');
    await provider.put(name, bodyOf(other));
    expect((await read(provider, name)).equals(other)).toBe(true);
  });

  it('of a blob that somebody has deleted meanwhile is missing', async () => {
    const provider = await made();
    const name = await kept(provider);
    await read(provider, name);
    await open(ada, narrow).delete(name);
    await expect(read(provider, name)).rejects.toBeInstanceOf(BlobMissing);
  });

  it('asks for a new address when the one it got has expired', async () => {
    const provider = await made();
    const name = await kept(provider);
    for (const status of [401, 403, 404]) {
      double.script({ about: '/dl/', nth: 1, does: { kind: 'answers', status } });
      expect((await read(provider, name)).equals(bytes)).toBe(true);
    }
    double.script({ about: '/dl/', does: { kind: 'answers', status: 401 } });
    await expect(read(provider, name)).rejects.toThrow();
  });

  it('that breaks off is away, and goes on where it was', async () => {
    const provider = await made();
    const name = await kept(provider);
    double.script({ about: '/dl/', nth: 1, does: { kind: 'breaks', after: 70_000 } });
    await expect(read(provider, name)).rejects.toBeInstanceOf(ConnectionAway);
    double.script({ about: '/dl/', nth: 1, does: { kind: 'breaks', after: 70_000 } });
    const patient = retrying(provider, { clock: new TestClock() });
    expect((await readAll(patient, name, { offset: 0, length: bytes.length })).equals(bytes)).toBe(true);
  });

  it('of what Microsoft takes for malware is refused in words', async () => {
    const provider = await made();
    const name = await kept(provider);
    double.script({ about: '/dl/', does: { kind: 'answers', status: 403, code: 'malwareDetected' } });
    const refusal = await refusalOf(read(provider, name));
    expect(refusal).toBeInstanceOf(AccessRefused);
    expect(inspect(refusal)).toContain('malware');
  });

  it.each([
    'ftp://127.0.0.1/x',
    'http://user:word@127.0.0.1/x',
    'http://169.254.169.254/latest/meta-data',
    'http://192.168.1.1/x',
    'https://192.168.1.1/x',
    'http://example.com/x',
    'nonsense',
    `https://example.com/${'x'.repeat(9000)}`,
  ])('goes nowhere else: %s', async (Location) => {
    const provider = await made();
    const name = await kept(provider);
    double.script({ about: '/content', does: { kind: 'answers', status: 302, headers: { Location } } });
    const refusal = await refusalOf(read(provider, name));
    expect(refusal).toBeInstanceOf(Error);
    expect(inspect(refusal)).not.toContain('169.254');
  });
});

describe('What is deleted', () => {
  it('from a personal drive lies in its bin', async () => {
    const provider = await made();
    const name = await kept(provider);
    await provider.delete(name);
    expect(double.drive(ada).bin.map((item) => item.name)).toEqual([name]);
    await expect(read(provider, name)).rejects.toBeInstanceOf(BlobMissing);
  });

  it('from a firm’s drive is destroyed', async () => {
    const provider = await made(grace, wide);
    await provider.delete(await kept(provider));
    expect(double.drive(grace).bin).toEqual([]);
    expect(double.files(grace)).toHaveLength(1);
  });

  it('lies in the bin of a drive that destroys nothing for us, and it is asked only once', async () => {
    double.ways.graph.permanentDelete = 'never';
    const provider = await made(grace, wide);
    for (const name of [await kept(provider), await kept(provider)]) await provider.delete(name);
    expect(double.drive(grace).bin).toHaveLength(2);
    expect(double.requests.filter((line) => line.includes('permanentDelete'))).toHaveLength(1);
  });
});

describe('A listing that is behind', () => {
  it('makes nothing seem absent, nor there', async () => {
    const provider = await made();
    const before = await kept(provider);
    double.drive(ada).freezeLists();
    const after = await kept(provider);
    await provider.delete(before);
    expect(await provider.stat(after)).not.toBeNull();
    expect(await provider.stat(before)).toBeNull();
    expect((await read(provider, after)).equals(bytes)).toBe(true);
  });

  it('of a shelf with many pages gives each blob once', async () => {
    double.ways.graph.pageLength = 2;
    const provider = await made();
    const names = Array.from({ length: 25 }, () => `aa${newBlobName().slice(2)}` as BlobName);
    for (const name of [...names, `bb${newBlobName().slice(2)}` as BlobName]) await provider.put(name, bodyOf(bytes));
    const pages = [];
    for (let cursor: string | undefined; ;) {
      const page = await provider.list(cursor);
      pages.push(page.entries.map(({ name }) => name));
      cursor = page.nextCursor;
      if (cursor === undefined) break;
    }
    expect(pages.length).toBeGreaterThan(1);
    expect(
      pages
        .flat()
        .filter((name) => name.startsWith('aa'))
        .toSorted(),
    ).toEqual(names.toSorted());
    expect(pages.flat()).toHaveLength(26);
  });

  it('follows the link to the next page to nobody else than who told it', async () => {
    const provider = await made();
    await kept(provider);
    const stranger = { value: [], '@odata.nextLink': 'https://example.com/v1.0/me/drive/root/children?$skiptoken=1' };
    double.script({ about: '/children', does: { kind: 'answers', status: 200, body: JSON.stringify(stranger) } });
    double.requests.length = 0;
    await expect(provider.list()).rejects.toBeInstanceOf(ConnectionAway);
    expect(double.requests).toHaveLength(1);
  });
});

describe('An answer that is none', () => {
  it.each([
    ['a page', '<html>Sign in</html>'],
    ['nothing', ''],
    ['half of one', '{"id":"01'],
    ['a list', '[1]'],
    ['an id that is a path', '{"id":"../../me/drive/root","size":1}'],
    ['one without end', `{"id":"${'x'.repeat(5_000_000)}"}`],
    ['one that is too deep', `{"error":${'{"innererror":'.repeat(5000)}1${'}'.repeat(5000)}}`],
  ])('is as good as none: %s', async (_, body) => {
    const provider = await made();
    const name = await kept(provider);
    double.script({ about: '/v1.0/', does: { kind: 'answers', status: 200, body } });
    for (const call of [() => provider.stat(name), () => provider.list(), () => open(ada, narrow).readMarker()]) {
      await expect(call()).rejects.toBeInstanceOf(ConnectionAway);
    }
    await expect(provider.put(await provider.nameBlob(), bodyOf(bytes))).rejects.toBeInstanceOf(ConnectionAway);
  });
});

describe('The gate', () => {
  const watched = () => {
    const passes: { request: GatedRequest; outcomes: RequestOutcome[] }[] = [];
    const gate: RequestGate = {
      enter: async (request) => {
        const pass = { request, outcomes: [] as RequestOutcome[] };
        passes.push(pass);
        return { end: (outcome) => void pass.outcomes.push(outcome) };
      },
    };
    return { passes, gate };
  };

  it('is passed by each request, with its size and price, and left once', async () => {
    const { passes, gate } = watched();
    const provider = await made(ada, narrow, gate);
    passes.length = double.requests.length = 0;
    const name = await kept(provider);
    await read(provider, name);
    await provider.delete(name);
    expect(passes).toHaveLength(double.requests.length);
    expect(passes.map(({ request, outcomes }) => [request.kind, request.bytes, request.units, outcomes])).toEqual([
      ['change', expect.any(Number), 2, [{ kind: 'answered' }]],
      ['upload', bytes.length, 2, [{ kind: 'answered' }]],
      ['look', undefined, 1, [{ kind: 'answered' }]],
      ['download', bytes.length, 1, [{ kind: 'answered' }]],
      ['change', undefined, 2, [{ kind: 'answered' }]],
    ]);
  });

  it.each([
    [{ kind: 'resets' } as const, { kind: 'failed' }],
    [{ kind: 'answers', status: 500 } as const, { kind: 'failed' }],
    [{ kind: 'answers', status: 404 } as const, { kind: 'refused' }],
    [{ kind: 'answers', status: 507 } as const, { kind: 'refused' }],
    [{ kind: 'answers', status: 429, headers: { 'Retry-After': '7' } } as const, { kind: 'throttled', afterMs: 7000 }],
    [{ kind: 'answers', status: 509 } as const, { kind: 'throttled', afterMs: null }],
  ])('is told what came of it: %j', async (does, outcome) => {
    const { passes, gate } = watched();
    const provider = await made(ada, narrow, gate);
    passes.length = 0;
    double.script({ about: '/v1.0/', nth: 1, does });
    await refusalOf(provider.space());
    expect(passes[0]?.outcomes).toEqual([outcome]);
  });

  it('is held by one request of a call at a time', async () => {
    let inside = 0;
    let most = 0;
    const gate: RequestGate = {
      enter: async () => {
        most = Math.max(most, (inside += 1));
        return { end: () => void (inside -= 1) };
      },
    };
    const provider = await made(ada, narrow, gate);
    await kept(provider);
    await listAll(provider);
    await provider.space();
    expect([most, inside]).toEqual([1, 0]);
  });
});

describe('A budget that is spent', () => {
  it('is told as a wait, which whoever retries keeps, and ends by itself', async () => {
    const provider = await made();
    double.ways.graph.unitsPerMinute = 20;
    const clock = new TestClock();
    const sleep = async (ms: number) => {
      double.advance(ms);
      await clock.sleep(ms);
    };
    const waited = { now: () => clock.now(), sleep };
    const patient = retrying(provider, { clock: waited, random: () => 0 });
    const names = await Promise.all(Array.from({ length: 30 }, () => provider.nameBlob()));
    for (const name of names) await patient.put(name, bodyOf(bytes));
    expect(double.files(ada)).toHaveLength(31);
    expect(clock.sleeps.length).toBeGreaterThan(1);
    expect(double.early).toBe(0);
  });
});

describe('Room', () => {
  it('is told as Microsoft tells it', async () => {
    const provider = await made();
    await kept(provider);
    const total = 5 * 1024 ** 3;
    expect(await provider.space()).toEqual({ total, used: bytes.length + 100, free: total - bytes.length - 100 });
  });

  it('is not told to those who may not see the drive, nor by a drive that does not count', async () => {
    double.ways.graph.driveShownToAppFolder = false;
    expect(await open(ada, narrow).space()).toBeNull();
    const body = JSON.stringify({ id: 'b!x', quota: { total: 0, used: 0, remaining: 0, deleted: 0 } });
    double.script({ about: '/me/drive', does: { kind: 'answers', status: 200, body } });
    expect(await open(grace, wide).space()).toBeNull();
  });
});

describe('Folders to look at', () => {
  it('are those of the whole drive with the wide permission', async () => {
    const { root } = double.drive(ada);
    const holidays = double.drive(ada).makeFolder(root, 'Holidays', 'fail');
    double.drive(ada).makeFolder(holidays, '2026', 'fail');
    double.drive(ada).place(root, 'letter.txt', double.bytes.newContent(), 'fail');
    const provider = open(ada, wide);
    expect(await provider.folders('root')).toEqual({ folders: [{ id: holidays.id, name: 'Holidays' }] });
    expect((await provider.folders(holidays.id)).folders.map(({ name }) => name)).toEqual(['2026']);
  });

  it('are those of the application with the narrow one, page by page', async () => {
    double.ways.graph.pageLength = 2;
    const provider = await made();
    const drive = double.drive(ada);
    for (const name of ['a', 'b', 'c', 'd'])
      drive.makeFolder({ ...drive.approot!, children: drive.approot!.children! }, name, 'fail');
    const names: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await provider.folders('root', cursor);
      names.push(...page.folders.map((found) => found.name));
      cursor = page.nextCursor;
      if (cursor === undefined) break;
    }
    expect(names.sort()).toEqual([folder, 'a', 'b', 'c', 'd'].sort());
  });

  it.each(['', '..', 'x/y', 'root/../..', 'x?y', 'x:y', '01NOBODY'])('that are none: %j', async (id) => {
    await expect(open(ada, wide).folders(id)).rejects.toBeInstanceOf(FolderMissing);
  });

  it.each(['https://example.com/children?x=1', '/me/drive/items/x/content?x=1', '//example.com/children?x', 'x'])(
    'that somebody has made up a next page for: %j',
    async (cursor) => {
      await expect(open(ada, wide).folders('root', cursor)).rejects.toThrow();
      expect(double.requests.filter((line) => !line.includes('/children?'))).toEqual([]);
    },
  );
});

describe('Whose account it is', () => {
  const identify = (email: string, scopes: readonly string[]) =>
    onedrive.oauth!.identify({ tokens: double.tokensOf(email, scopes), origin: double.origin });

  it('is told by the drive’s own id, and by the name that its owner knows', async () => {
    for (const [email, scopes] of [
      [ada, narrow],
      [grace, wide],
    ] as const) {
      expect(await identify(email, scopes)).toEqual({ id: double.drive(email).user.driveId, name: email });
    }
  });

  it('is told by the application’s folder where the drive may not be seen', async () => {
    double.ways.graph.driveShownToAppFolder = false;
    expect((await identify(ada, narrow)).id).toBe(double.drive(ada).user.driveId);
  });

  it('cannot be told where Microsoft refuses the narrow permission', async () => {
    double.ways.graph.appFolderBroken = true;
    await expect(identify(ada, narrow)).rejects.toBeInstanceOf(WiderConsentNeeded);
  });
});
