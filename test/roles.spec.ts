import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Role } from '#contracts';
import { type AccessRule, type Route, RouteTable } from '../src/access/index.js';
import { Database } from '../src/database/index.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { call, newPerson, type Person, signIn } from './support/people.js';

/** Whether they hold a session that counts, and which roles then. */
interface CallerKind {
  readonly name: string;
  readonly roles: readonly Role[] | null;
  token(): Promise<string | undefined>;
}

let gateway: TestGateway;
let routes: readonly Route[];
let kinds: readonly CallerKind[];

beforeAll(async () => {
  gateway = await startGateway();
  routes = gateway.app.get(RouteTable).routes;
  kinds = await makeCallers(await signIn(gateway));
});
afterAll(() => gateway?.stop());

async function makeCallers(admin: string): Promise<CallerKind[]> {
  const person = (...roles: Role[]) => newPerson(gateway, admin, roles);
  const [disabled, expired, revoked] = [
    await person('user', 'admin'),
    await person('user', 'admin'),
    await person('user', 'admin'),
  ];
  const path = `/api/admin/users/${disabled.id}`;
  await call(gateway, path, { method: 'PATCH', token: admin, body: { disabled: true } });
  const sql = gateway.app.get(Database);
  await sql.query('update sessions set expires_at = now() where account = $1', [expired.id]);
  await call(gateway, '/api/auth/logout', { method: 'POST', token: revoked.token });
  const dead = (name: string, { token }: Person): CallerKind => ({ name, roles: null, token: async () => token });
  const alive = (name: string, who: Person, ...roles: Role[]): CallerKind => ({
    name,
    roles,
    token: () => signIn(gateway, who),
  });
  return [
    { name: 'nobody', roles: null, token: async () => undefined },
    { name: 'a made-up token', roles: null, token: async () => 'A'.repeat(43) },
    dead('a disabled account', disabled),
    dead('an expired session', expired),
    dead('a revoked session', revoked),
    alive('an account without roles', await person()),
    alive('a user', await person('user'), 'user'),
    alive('an admin who is no user', await person('admin'), 'admin'),
    alive('an auditor', await person('auditor'), 'auditor'),
    alive('an admin who is a user', await person('admin', 'user'), 'admin', 'user'),
  ];
}

/** The rule, said a second time: 401, 403, or let in. */
function expected(rule: AccessRule, roles: readonly Role[] | null): 401 | 403 | 'in' {
  if (rule === 'public') return 'in';
  if (roles === null) return 401;
  if (rule === 'signed-in') return 'in';
  const wanted = rule === 'scrape' ? (['admin'] as const) : rule.roles;
  return wanted.some((role) => roles.includes(role)) ? 'in' : 403;
}

async function outcome(route: Route, token: string | undefined): Promise<401 | 403 | 'in'> {
  const path = route.path.replace(/[{}]/g, '').replace(/[:*]\w+/g, '01890000-0000-7000-8000-000000000000');
  const { status } = await call(gateway, path, {
    method: route.method,
    token,
    ...(route.body !== undefined && { body: { nonsense: true } }),
    // A whole tree is never listed: that refusal, too, would be 403.
    headers: { Accept: 'application/json', Depth: '0' },
  });
  expect(status).not.toBe(500);
  return status === 401 || status === 403 ? status : 'in';
}

/** Their refusals are the password's, or the signature's, not the guard's: that all may knock is shown where guessing is. */
const DOORS = ['/api/auth/login', '/api/signed-uploads/:address'];

describe('every route, called by everybody', () => {
  it('lets in whom its rule names, and nobody else', async () => {
    const wrong: string[] = [];
    let asked = 0;
    for (const kind of kinds) {
      for (const route of routes.filter(({ path }) => !DOORS.includes(path))) {
        const wanted = expected(route.access, kind.roles);
        const found = await outcome(route, await tokenFor(kind, route));
        if (found !== wanted) wrong.push(`${route.method} ${route.path} answers ${kind.name} ${found}, not ${wanted}`);
        asked += 1;
      }
    }
    expect(wrong).toEqual([]);
    expect(asked).toBe(kinds.length * (routes.length - DOORS.length));
  }, 120_000);

  it('is there for a user in every file and cloud call, and for nobody without that role', () => {
    const theirs = routes.filter(({ path }) =>
      /^\/api\/(?!health|docs|openapi|metrics|auth|admin|jobs|shared|signed-uploads)/.test(path),
    );
    expect(theirs.length).toBeGreaterThan(10);
    const open = theirs.filter(({ access }) => typeof access !== 'object' || access.roles.join() !== 'user');
    // A vendor sends a browser there: the state that it brings stands for its account. What tus can do is nobody's.
    expect(open.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /api/cloud/oauth/callback/:provider',
      'OPTIONS /api/uploads',
      'OPTIONS /api/uploads/:id',
    ]);
  });

  it('keeps admins’ calls to admins, but for the record, which auditors read', () => {
    const admins = routes.filter(({ path }) => path.startsWith('/api/admin/'));
    const rules = admins.map(({ path, access }) => [path.startsWith('/api/admin/audit'), access]);
    expect(new Set(rules.map((rule) => JSON.stringify(rule)))).toEqual(
      new Set([JSON.stringify([true, { roles: ['admin', 'auditor'] }]), JSON.stringify([false, { roles: ['admin'] }])]),
    );
  });

  it('is open to all in these few places only', () => {
    expect(
      routes
        .filter(({ access }) => access === 'public')
        .map(({ method, path }) => `${method} ${path}`)
        .sort(),
    ).toEqual([
      'GET /',
      'GET /api/cloud/oauth/callback/:provider',
      'GET /api/docs',
      'GET /api/health/live',
      'GET /api/health/ready',
      'GET /api/openapi.json',
      'GET /api/shared/content/:ticket',
      'GET /clouds',
      'GET /s',
      'GET /setup',
      'HEAD /api/shared/content/:ticket',
      'OPTIONS /',
      'OPTIONS /api/uploads',
      'OPTIONS /api/uploads/:id',
      'OPTIONS /dav',
      'OPTIONS /dav/*path',
      'POST /api/auth/login',
      'POST /api/auth/setup',
      'POST /api/shared/downloads',
      'POST /api/shared/entries',
      'POST /api/shared/previews',
      'POST /api/shared/visits',
      'PUT /api/signed-uploads/:address',
    ]);
  });
});

const tokens = new Map<string, string | undefined>();

/** One session for each kind of caller; the call that ends sessions is given one of its own. */
async function tokenFor(kind: CallerKind, route: Route): Promise<string | undefined> {
  if (route.path === '/api/auth/logout') return kind.token();
  if (!tokens.has(kind.name)) tokens.set(kind.name, await kind.token());
  return tokens.get(kind.name);
}
