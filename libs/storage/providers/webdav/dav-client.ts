import { createClient, type WebDAVClient } from 'webdav';
import { AccessRefused } from '../../errors.js';
import type { Answer, Outbound, OutboundRequest } from '../../outbound/index.js';
import type { BlobBody } from '../../provider.js';
import { sendThrough } from './guarded-fetch.js';
import type { Login } from './login.js';
import { askedProperties, askedQuota, childrenOf, readMultistatus, type Resource } from './multistatus.js';
import { faultOf } from './status-faults.js';

/** The only answers that mean “done”, for each thing that is asked. */
const done: Readonly<Record<string, readonly number[]>> = {
  PROPFIND: [207],
  MKCOL: [201],
  MOVE: [201, 204],
  DELETE: [200, 204],
  PUT: [200, 201, 204],
  GET: [200, 206],
};

/**
 * Speaks WebDAV with one server, in paths below one folder. Each call names the other statuses that its caller
 * understands, and answers with the status; any further one is thrown as the fault that it means.
 */
export class DavClient {
  private readonly client: WebDAVClient;

  constructor(
    private readonly outbound: Outbound,
    /** Ends with a slash. */
    private readonly root: URL,
    private readonly login: Login,
    /** What goes with every deletion. */
    private readonly deleting: Readonly<Record<string, string>>,
  ) {
    const { http, https } = outbound.agents;
    this.client = createClient(root.href, { httpAgent: http, httpsAgent: https });
    sendThrough(outbound, (request) => this.exchange(request));
  }

  /** What lies at a path (the root's is empty), and for a depth of 1 in it; null where nothing does. */
  async properties(path: string, depth: 0 | 1, signal?: AbortSignal, quota = false): Promise<Resource[] | null> {
    const data = quota ? askedQuota : askedProperties;
    const headers = { Depth: String(depth), 'Content-Type': 'application/xml; charset=utf-8' };
    let text = '';
    const status = await this.ask([404], async () => {
      // By its address: the package cuts the slash off that ends the one of our root.
      const request = { method: 'PROPFIND', url: this.at(path).href, headers, data, signal };
      const answer = await this.client.customRequest(path, request);
      text = await answer.text();
    });
    return status === 404 ? null : readMultistatus(text);
  }

  /** What lies in a folder; null where there is none. */
  async children(path: string, signal?: AbortSignal): Promise<Resource[] | null> {
    const found = await this.properties(path, 1, signal);
    return found && childrenOf(found, decodeURIComponent(this.at(path).pathname).replace(/\/$/, ''));
  }

  makeFolder(path: string, signal?: AbortSignal): Promise<number> {
    return this.ask([405, 406, 409, 423], () => this.client.createDirectory(path, { signal }));
  }

  /** Where a folder is missing, Apache answers 500 and rclone 403. */
  move(from: string, to: string, overwrite: boolean, signal?: AbortSignal): Promise<number> {
    return this.ask([403, 404, 409, 412, 500], () => this.client.moveFile(from, to, { overwrite, signal }));
  }

  delete(path: string, signal?: AbortSignal): Promise<number> {
    return this.ask([404], () => this.client.deleteFile(path, { signal, headers: this.deleting }));
  }

  async put(
    path: string,
    body: BlobBody,
    headers: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const answer = await this.data({ method: 'PUT', url: this.at(path), headers, body, signal }, [404, 409, 412]);
    await answer.discard();
    return answer;
  }

  /** The body still flows. */
  get(path: string, headers: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<Answer> {
    // What comes compressed comes without a length, and not as the range that was asked for.
    const plain = { 'Accept-Encoding': 'identity', ...headers };
    return this.data({ method: 'GET', url: this.at(path), headers: plain, signal }, [404, 416]);
  }

  private at(path: string): URL {
    return new URL(path, this.root);
  }

  private async data(request: OutboundRequest, understood: readonly number[]): Promise<Answer> {
    const answer = await this.exchange(request);
    if (done[request.method]!.includes(answer.status) || understood.includes(answer.status)) return answer;
    await answer.discard();
    throw faultOf(answer.status, (name) => answer.header(name));
  }

  /** The package throws what is 400 or above, with its status; what else is not done is thrown before it sees it. */
  private async ask(understood: readonly number[], call: () => Promise<unknown>): Promise<number> {
    try {
      await call();
      return 200;
    } catch (error) {
      const { status, response } = error as { status?: number; response?: Response };
      if (status === undefined || response === undefined) throw error;
      if (understood.includes(status)) return status;
      throw faultOf(status, (name) => response.headers.get(name) || null);
    }
  }

  private async exchange(request: OutboundRequest): Promise<Answer> {
    request.signal?.throwIfAborted();
    const headers = { ...request.headers, Authorization: this.login.authorization() };
    const answer = await this.outbound.send({ ...request, headers });
    const { status } = answer;
    this.login.heard(status);
    if (status >= 400 || done[request.method]?.includes(status)) return answer;
    await answer.discard();
    throw new AccessRefused('What answers at this address does not speak WebDAV.', { cause: `HTTP ${status}` });
  }
}
