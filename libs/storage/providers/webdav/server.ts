import { ConnectionAway, SentElsewhere } from '../../errors.js';
import type { Answer, Outbound } from '../../outbound/index.js';
import type { Login } from './login.js';
import { faultOf } from './status-faults.js';

/** `nextcloud` stands for its relatives too: they hash what they receive, keep a trash, and never show half a file. */
export interface Server {
  readonly family: 'nextcloud' | 'plain';
  /** The folder that ours is made in; ends with a slash. */
  readonly files: URL;
}

const longestWord = 64 * 1024;
const filesPath = /^(.*\/)remote\.php\/(?:webdav|dav\/files\/[^/]+)\//;

/** Finds out what answers at the address, and where the files of this login lie there. */
export async function findServer(outbound: Outbound, given: URL, login: Login, signal?: AbortSignal): Promise<Server> {
  // Before anybody is asked: a login that was just refused would be so again.
  login.authorization();
  const typed = withSlash(given);
  const above = filesPath.exec(typed.pathname);
  const root = above ? new URL(above[1]!, typed) : typed;
  const status = await askStatus(outbound, root, signal);
  if (!status) return { family: 'plain', files: typed };
  if (status.maintenance) throw new ConnectionAway('The server is in maintenance at the moment.');
  if (above) return { family: 'nextcloud', files: typed };
  const user = await askUser(outbound, root, login, signal);
  return { family: 'nextcloud', files: new URL(`remote.php/dav/files/${encodeURIComponent(user)}/`, root) };
}

/** Asked without the login: nobody but a relative of Nextcloud answers, and a wrong guess costs no failed login. */
async function askStatus(
  outbound: Outbound,
  root: URL,
  signal?: AbortSignal,
): Promise<{ maintenance: boolean } | null> {
  const answer = await outbound.send({ method: 'GET', url: new URL('status.php', root), signal }).catch(elsewhere);
  if (answer === null) return null;
  if (answer.status >= 500 || answer.status === 429) {
    await answer.discard();
    throw faultOf(answer.status, (name) => answer.header(name));
  }
  const { installed, version, maintenance } = (await readJson(answer)) ?? {};
  return installed === true && typeof version === 'string' ? { maintenance: maintenance === true } : null;
}

/** The id is not always the name that one signs in with. */
async function askUser(outbound: Outbound, root: URL, login: Login, signal?: AbortSignal): Promise<string> {
  const headers = { Authorization: login.authorization(), 'OCS-APIRequest': 'true' };
  const url = new URL('ocs/v2.php/cloud/user?format=json', root);
  const answer = await outbound.send({ method: 'GET', url, headers, signal });
  login.heard(answer.status);
  if (answer.status === 401 || answer.status >= 500 || answer.status === 429) {
    await answer.discard();
    throw faultOf(answer.status, (name) => answer.header(name));
  }
  const told = (await readJson(answer)) as { ocs?: { data?: { id?: unknown } } } | null;
  const id = told?.ocs?.data?.id;
  return typeof id === 'string' && id !== '' ? id : login.username;
}

/** Whoever sends strangers to a page for signing in is no relative of Nextcloud, and may still speak WebDAV. */
function elsewhere(error: unknown): null {
  if (error instanceof SentElsewhere) return null;
  throw error;
}

async function readJson(answer: Answer): Promise<Record<string, unknown> | null> {
  if (answer.status !== 200) return answer.discard().then(() => null);
  const bytes = await answer.bytes(longestWord).catch((error: unknown) => {
    if (error instanceof ConnectionAway && /more than/.test(error.message)) return Buffer.alloc(0);
    throw error;
  });
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === 'object' ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function withSlash(given: URL): URL {
  const url = new URL(given);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}
