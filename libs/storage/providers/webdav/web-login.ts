import { AccessRefused, AddressRefused, ConnectionAway, SettingRefused } from '../../errors.js';
import { type Answer, Outbound, type OutboundRules } from '../../outbound/index.js';
import type { WebLogin } from '../description.js';
import { faultOf } from './status-faults.js';

/** Nextcloud forgets a login that nobody has finished after so long. */
const pageLastsMs = 20 * 60_000;
const longestWord = 64 * 1024;

interface Ticket {
  readonly endpoint: string;
  readonly token: string;
}

/**
 * Nextcloud's Login Flow v2: its own page signs the person in, second factor and all, and hands us an app password that
 * they can withdraw there. Every address in its answers is the server's to choose, so only the origin that was typed
 * is ever spoken to or shown.
 */
export const nextcloudLogin: WebLogin = {
  async begin({ settings, outbound }) {
    return withOutbound(outbound, async (sender) => {
      const { root, answer } = await ask(sender, settings['url'] ?? '');
      if (answer.status === 404 || answer.status === 405) {
        await answer.discard();
        throw new SettingRefused('url', 'No Nextcloud answers at this address. Use user name and password instead.');
      }
      const { poll, login } = (await readJson(answer)) as { poll?: Partial<Ticket>; login?: unknown };
      const endpoint = sameOrigin(poll?.endpoint, root);
      const page = sameOrigin(login, root);
      const token = poll?.token;
      if (typeof token !== 'string' || token.length > 1024) throw unreadable();
      return { page: page.href, ticket: JSON.stringify({ endpoint: endpoint.href, token }), lastsMs: pageLastsMs };
    });
  },

  async collect({ ticket, outbound }) {
    return withOutbound(outbound, async (sender) => {
      const { endpoint, token } = JSON.parse(ticket) as Ticket;
      const url = sender.readAddress(endpoint);
      const body = Buffer.from(new URLSearchParams({ token }).toString());
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
      const answer = await sender.send({ method: 'POST', url, headers, body: oneBody(body) });
      if (answer.status === 404) return answer.discard().then(() => null);
      const told = await readJson(answer);
      const { loginName, appPassword } = told;
      const server = sameOrigin(told['server'], url);
      if (!isShortText(loginName) || !isShortText(appPassword)) throw unreadable();
      return { url: server.href, username: loginName, password: appPassword };
    });
  },

  async withdraw({ settings, outbound }) {
    await withOutbound(outbound, async (sender) => {
      const { username = '', password = '' } = settings;
      const url = new URL('ocs/v2.php/core/apppassword', rootOf(sender.readAddress(settings['url'] ?? '')));
      const Authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
      const answer = await sender.send({ method: 'DELETE', url, headers: { Authorization, 'OCS-APIRequest': 'true' } });
      await answer.discard();
      // 401: gone already. 403: it was the account's own password, which is nobody's to delete.
      if (![200, 401, 403].includes(answer.status)) throw faultOf(answer.status, (name) => answer.header(name));
    });
  },
};

/** An address that is refused is the form's fault, not the server's. */
async function ask(sender: Outbound, typed: string): Promise<{ root: URL; answer: Answer }> {
  try {
    const root = rootOf(sender.readAddress(typed));
    return { root, answer: await sender.send({ method: 'POST', url: new URL('index.php/login/v2', root) }) };
  } catch (error) {
    if (error instanceof AddressRefused) throw new SettingRefused('url', error.message, { cause: error });
    throw error;
  }
}

async function withOutbound<Result>(
  rules: OutboundRules | undefined,
  work: (outbound: Outbound) => Promise<Result>,
): Promise<Result> {
  const outbound = new Outbound(rules ?? { allowHosts: [] });
  return work(outbound).finally(() => outbound.close());
}

/** Where Nextcloud lies, whichever of its addresses was typed. */
function rootOf(typed: URL): URL {
  const root = new URL(typed);
  root.pathname = root.pathname.replace(/(?:index|remote)\.php.*$/, '').replace(/\/?$/, '/');
  return root;
}

function sameOrigin(address: unknown, asked: URL): URL {
  const url = typeof address === 'string' ? URL.parse(address) : null;
  if (url === null) throw unreadable();
  if (url.origin === asked.origin && url.username === '' && url.password === '') return url;
  throw new AccessRefused(
    'The server names another address as its own than the one given. ' +
      'Give that one, or set “overwrite.cli.url” and “trusted_proxies” of Nextcloud right.',
  );
}

async function readJson(answer: Answer): Promise<Record<string, unknown>> {
  if (answer.status !== 200) {
    await answer.discard();
    throw answer.status < 400 ? unreadable() : faultOf(answer.status, (name) => answer.header(name));
  }
  const bytes = await answer.bytes(longestWord);
  try {
    const value: unknown = JSON.parse(bytes.toString());
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Not even JSON: as unreadable as JSON of another kind.
  }
  throw unreadable();
}

function isShortText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 1024 && !/[\0\r\n]/.test(value);
}

function oneBody(bytes: Buffer) {
  return { length: bytes.length, pieces: () => [bytes] };
}

function unreadable(): ConnectionAway {
  return new ConnectionAway('The server answered with something that cannot be read.');
}
