import { type AccessTokens, type ProviderDescription, providers, type StorageProvider } from '#storage';
import { MemoryProvider } from '#storage/testing';
import { driveFile, type GoogleDouble } from '../doubles/google/index.js';

export const CLOUD = 'consenting-cloud';
export const OTHER_CLOUD = 'other-consenting-cloud';

/** What one remote account keeps, by our folders' names. */
type Shelves = Map<string, MemoryProvider>;

export interface ConsentingCloud extends Disposable {
  /** By the vendor's id of the account, and our folder there. */
  readonly stored: ReadonlyMap<string, Shelves>;
}

/**
 * Two kinds of storage that ask for consent at a stand-in for Google, and keep blobs in this process: what is tried with
 * them is consent and tokens, and nothing else. Every call shows its token first, as a real one's does.
 */
export function addConsentingClouds(google: GoogleDouble, idleGrantMs: number | null = null): ConsentingCloud {
  const stored = new Map<string, Shelves>();
  const added = [CLOUD, OTHER_CLOUD].map((id) => describe({ id, google, stored, idleGrantMs }));
  const registry = providers as ProviderDescription[];
  registry.push(...added);
  return {
    stored,
    [Symbol.dispose]() {
      for (const description of added) registry.splice(registry.indexOf(description), 1);
    },
  };
}

interface Made {
  readonly id: string;
  readonly google: GoogleDouble;
  readonly stored: Map<string, Shelves>;
  readonly idleGrantMs: number | null;
}

function describe({ id, google, stored, idleGrantMs }: Made): ProviderDescription {
  return {
    id,
    title: 'Consenting cloud',
    summary: 'A cloud for tests.',
    help: 'It keeps nothing for long.',
    connect: 'consent',
    fields: [],
    links: [],
    adminsOnly: false,
    traits: new MemoryProvider().traits,
    limits: { concurrency: 8, requestsPerSecond: null },
    oauth: {
      application: 'google',
      endpoints: (origin) => ({
        authorize: `${origin}/o/oauth2/v2/auth`,
        token: `${origin}/token`,
        revoke: `${origin}/revoke`,
      }),
      consents: [
        { id: 'narrow', title: 'Own files', scopes: [driveFile], required: [driveFile] },
        { id: 'named', title: 'Own files, and who you are', scopes: [driveFile, 'openid'], required: [driveFile] },
      ],
      authorizeParameters: { access_type: 'offline', prompt: 'consent' },
      scopeInTokenRequest: false,
      idleGrantMs,
      identify: ({ tokens }) => whose(google, tokens),
      withdrawAt: `${google.origin}/consents`,
    },
    open: async ({ tokens, folder }) => {
      if (!tokens) throw new Error('A consenting cloud was opened without tokens.');
      return guarded(google, tokens, stored, folder);
    },
    domainOf: async () => id,
  };
}

async function whose(google: GoogleDouble, tokens: AccessTokens): Promise<{ id: string; name: string }> {
  let token = await tokens.current();
  for (let attempt = 1; ; attempt += 1) {
    const answer = await fetch(`${google.origin}/drive/v3/about?fields=user`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    if (answer.status === 200) {
      const { user } = (await answer.json()) as { user: { permissionId: string; emailAddress: string } };
      return { id: user.permissionId, name: user.emailAddress };
    }
    await answer.body?.cancel();
    if (answer.status !== 401 || attempt > 2) throw new Error(`The stand-in answers ${answer.status}.`);
    token = await tokens.renew(token);
  }
}

const asked = ['nameBlob', 'put', 'stat', 'delete', 'list', 'space', 'readMarker', 'writeMarker', 'removeFolder'];

function guarded(
  google: GoogleDouble,
  tokens: AccessTokens,
  stored: Map<string, Shelves>,
  folder: string,
): StorageProvider {
  const shelf = async (): Promise<MemoryProvider> => {
    const { id } = await whose(google, tokens);
    const shelves = stored.get(id) ?? new Map<string, MemoryProvider>();
    stored.set(id, shelves);
    const found = shelves.get(folder) ?? new MemoryProvider();
    shelves.set(folder, found);
    return found;
  };
  type Method = (...parts: unknown[]) => unknown;
  const calls = asked.map((name) => [
    name,
    async (...parts: unknown[]) => {
      const memory = (await shelf()) as unknown as Record<string, Method>;
      return memory[name]!(...parts);
    },
  ]);
  return Object.assign(Object.fromEntries(calls) as StorageProvider, {
    traits: new MemoryProvider().traits,
    close: async () => {},
    async *get(...parts: Parameters<StorageProvider['get']>) {
      yield* (await shelf()).get(...parts);
    },
  });
}
