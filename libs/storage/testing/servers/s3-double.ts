import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { S3Server } from './s3-server.js';

/** What this store is like, where stores differ. */
export interface S3Ways {
  /** What a put that asks to create only meets with. */
  readonly createOnly?: 'heeded' | 'ignored' | 'refused';
  /** Its header. */
  readonly createOnlyHeader?: string;
  readonly versioned?: boolean;
  /** Whether the access key may list and delete versions. */
  readonly mayDeleteVersions?: boolean;
  /** `md5`; or nothing that says something about the bytes, as with KMS. */
  readonly etag?: 'md5' | 'random';
  /** Answers an upload with the SHA-256 that it came with. */
  readonly sha256?: boolean;
  /** Sends everything, whatever the range. */
  readonly ranges?: boolean;
  readonly pageLength?: number;
}

export type S3Misdeed =
  /** An error of S3, before anything is done. */
  | {
      readonly kind: 'answers';
      readonly status: number;
      readonly code?: string;
      readonly body?: string;
      readonly headers?: Record<string, string>;
    }
  | { readonly kind: 'resets' }
  /** Does its work, and the answer is lost. */
  | { readonly kind: 'resets-after' }
  | { readonly kind: 'fails-after'; readonly status: number; readonly code: string }
  /** PUT: says yes and keeps nothing, or another content. */
  | { readonly kind: 'loses' }
  | { readonly kind: 'spoils' }
  /** GET: breaks off after so many bytes. */
  | { readonly kind: 'breaks'; readonly after: number }
  /** Says nothing any more: at once, or in the body of a GET after so many bytes. */
  | { readonly kind: 'falls-silent'; readonly after?: number };

export interface S3ScriptLine {
  readonly method: string;
  /** Part of the address that it is about. */
  readonly about?: string;
  /** Which of these requests, counted from 1; without it every one. */
  readonly nth?: number;
  readonly does: S3Misdeed;
}

interface Version {
  readonly id: string;
  /** Null: a delete marker. */
  readonly bytes: Buffer | null;
  readonly etag: string;
  readonly sha256: string | undefined;
}

export interface S3Double extends S3Server {
  readonly bucket: string;
  /** Newest first. */
  readonly objects: Map<string, Version[]>;
  /** `METHOD path?query` of every request. */
  readonly requests: string[];
  readonly headers: IncomingMessage['headers'][];
  /** Replaces the script, and counts anew. */
  follow(script: readonly S3ScriptLine[]): void;
}

/** S3 in memory, one bucket of it, for what a real server cannot be made to do: its quirks and its misdeeds. */
export async function startS3Double(ways: S3Ways = {}): Promise<S3Double> {
  const store = new Store(ways);
  const server = createServer((request, response) => void store.serve(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    accessKeyId: 'double',
    secretAccessKey: 'double-secret',
    bucket: store.bucket,
    objects: store.objects,
    requests: store.requests,
    headers: store.headers,
    follow: (script) => store.follow(script),
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
  ) {
    super(code);
  }
}

class Store {
  readonly bucket = 'double';
  readonly objects = new Map<string, Version[]>();
  readonly requests: string[] = [];
  readonly headers: IncomingMessage['headers'][] = [];
  private script: readonly S3ScriptLine[] = [];
  private counts: number[] = [];
  private made = 0;

  constructor(private readonly ways: S3Ways) {}

  follow(script: readonly S3ScriptLine[]): void {
    this.script = script;
    this.counts = script.map(() => 0);
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '/' } = request;
    this.requests.push(`${method} ${url}`);
    this.headers.push(request.headers);
    const misdeed = this.misdeed(method, url);
    try {
      if (misdeed?.kind === 'resets') return void request.socket.destroy();
      if (misdeed?.kind === 'falls-silent' && misdeed.after === undefined) return;
      const body = await bodyOf(request);
      if (body === null) return;
      if (misdeed?.kind === 'answers') return answer(response, misdeed);
      this.act(request, response, body, misdeed);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      answer(response, { status: error.status, code: error.code });
    }
  }

  private misdeed(method: string, url: string): S3Misdeed | undefined {
    let found: S3Misdeed | undefined;
    for (const [index, line] of this.script.entries()) {
      if (line.method !== method || !url.includes(line.about ?? '')) continue;
      this.counts[index]! += 1;
      if (line.nth === undefined || line.nth === this.counts[index]) found ??= line.does;
    }
    return found;
  }

  private act(request: IncomingMessage, response: ServerResponse, body: Buffer, misdeed?: S3Misdeed): void {
    const url = new URL(request.url ?? '/', 'http://double');
    const [, bucket = '', ...rest] = url.pathname.split('/');
    const key = decodeURIComponent(rest.join('/'));
    if (bucket !== this.bucket) throw new Refusal(404, 'NoSuchBucket');
    const send = (status: number, headers: Record<string, string>, content: Buffer = Buffer.alloc(0)): void => {
      if (misdeed?.kind === 'resets-after') return void request.socket.destroy();
      if (misdeed?.kind === 'fails-after') return answer(response, misdeed);
      response.writeHead(status, { ...headers, 'content-length': headers['content-length'] ?? content.length });
      if (misdeed?.kind === 'breaks')
        return void response.write(content.subarray(0, misdeed.after), () => request.socket.destroy());
      if (misdeed?.kind === 'falls-silent') return void response.write(content.subarray(0, misdeed.after));
      response.end(request.method === 'HEAD' ? undefined : content);
    };
    const version = url.searchParams.get('versionId');
    if (key === '' && url.searchParams.has('versions')) return send(200, xml, this.listVersions(url.searchParams));
    if (key === '') return send(200, xml, this.list(url.searchParams));
    switch (request.method) {
      case 'PUT':
        return send(200, this.put(key, body, request.headers, misdeed));
      case 'DELETE':
        return send(204, this.remove(key, version));
      default:
        return this.give(key, request, send);
    }
  }

  private put(
    key: string,
    body: Buffer,
    headers: IncomingMessage['headers'],
    misdeed?: S3Misdeed,
  ): Record<string, string> {
    this.check(body, headers);
    const taken = this.current(key) !== undefined;
    if (headers[this.ways.createOnlyHeader ?? 'if-none-match'] !== undefined) {
      if (this.ways.createOnly === 'refused') throw new Refusal(501, 'NotImplemented');
      if (this.ways.createOnly !== 'ignored' && taken) throw new Refusal(412, 'PreconditionFailed');
    }
    const bytes =
      misdeed?.kind === 'spoils' && body.length > 0
        ? Buffer.from(body.map((byte, at) => (at === 0 ? byte ^ 1 : byte)))
        : body;
    this.made += 1;
    const hash = this.ways.etag === 'random' ? `${this.made}` : bytes;
    const etag = createHash('md5').update(hash).digest('hex');
    const sha256 = this.ways.sha256 ? createHash('sha256').update(bytes).digest('base64') : undefined;
    const version = { id: `v${this.made}`, bytes, etag, sha256 };
    const answer = {
      etag: `"${etag}"`,
      ...(sha256 ? { 'x-amz-checksum-sha256': sha256 } : {}),
      ...(this.ways.versioned ? { 'x-amz-version-id': version.id } : {}),
    };
    if (misdeed?.kind === 'loses') return {};
    this.objects.set(key, [version, ...(this.ways.versioned ? (this.objects.get(key) ?? []) : [])]);
    return answer;
  }

  private check(body: Buffer, headers: IncomingMessage['headers']): void {
    const md5 = headers['content-md5'];
    if (md5 !== undefined && createHash('md5').update(body).digest('base64') !== md5)
      throw new Refusal(400, 'BadDigest');
    const sha256 = createHash('sha256').update(body).digest('hex');
    if (headers['x-amz-content-sha256'] !== sha256) throw new Refusal(400, 'XAmzContentSHA256Mismatch');
    if (!headers.authorization?.startsWith('AWS4-HMAC-SHA256 Credential=double/'))
      throw new Refusal(403, 'InvalidAccessKeyId');
  }

  private remove(key: string, version: string | null): Record<string, string> {
    const versions = this.objects.get(key) ?? [];
    if (version !== null) {
      if (this.ways.mayDeleteVersions === false) throw new Refusal(403, 'AccessDenied');
      const left = versions.filter(({ id }) => id !== version);
      if (left.length > 0) this.objects.set(key, left);
      else this.objects.delete(key);
      return {};
    }
    if (!this.ways.versioned) {
      this.objects.delete(key);
      return {};
    }
    this.made += 1;
    this.objects.set(key, [{ id: `v${this.made}`, bytes: null, etag: '', sha256: undefined }, ...versions]);
    return { 'x-amz-delete-marker': 'true', 'x-amz-version-id': `v${this.made}` };
  }

  private give(
    key: string,
    request: IncomingMessage,
    send: (status: number, headers: Record<string, string>, content?: Buffer) => void,
  ): void {
    const found = this.current(key);
    if (!found) throw new Refusal(404, 'NoSuchKey');
    const { bytes, etag, sha256 } = found;
    const headers: Record<string, string> = { etag: `"${etag}"` };
    if (sha256 !== undefined && request.headers['x-amz-checksum-mode'] !== undefined)
      headers['x-amz-checksum-sha256'] = sha256;
    if (this.ways.etag === 'random') headers['x-amz-server-side-encryption'] = 'aws:kms';
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    if (!range || this.ways.ranges === false)
      return send(200, { ...headers, 'content-length': String(bytes.length) }, bytes);
    const [from, to] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
    if (from >= bytes.length) throw new Refusal(416, 'InvalidRange');
    send(206, { ...headers, 'content-range': `bytes ${from}-${to}/${bytes.length}` }, bytes.subarray(from, to + 1));
  }

  private list(query: URLSearchParams): Buffer {
    const keys = [...this.objects.keys()]
      .filter((key) => this.current(key) && key.startsWith(query.get('prefix') ?? ''))
      .sort();
    if (query.get('delimiter') !== null) return prefixesOf(keys, query.get('prefix') ?? '', query.get('delimiter')!);
    const after = query.get('continuation-token');
    const rest = keys.filter((key) => after === null || key > after);
    const page = rest.slice(0, Math.min(Number(query.get('max-keys') ?? 1000), this.ways.pageLength ?? 1000));
    const more = page.length < rest.length;
    const contents = page.map((key) => {
      const { bytes, etag } = this.current(key)!;
      return `<Contents><Key>${escaped(key)}</Key><Size>${bytes.length}</Size><ETag>&quot;${etag}&quot;</ETag></Contents>`;
    });
    const next = more ? `<NextContinuationToken>${escaped(page.at(-1)!)}</NextContinuationToken>` : '';
    return document('ListBucketResult', `<IsTruncated>${more}</IsTruncated>${next}${contents.join('')}`);
  }

  /** Two to a page, so that nobody takes the first for all. */
  private listVersions(query: URLSearchParams): Buffer {
    if (this.ways.mayDeleteVersions === false) throw new Refusal(403, 'AccessDenied');
    const all = [...this.objects]
      .filter(([key]) => key.startsWith(query.get('prefix') ?? ''))
      .flatMap(([key, versions]) => versions.map((version) => ({ key, ...version })));
    const from = all.findIndex(({ id }) => id === query.get('version-id-marker')) + 1;
    const page = all.slice(from, from + 2);
    const last = page.at(-1);
    const next =
      last && from + 2 < all.length
        ? `<IsTruncated>true</IsTruncated><NextKeyMarker>${escaped(last.key)}</NextKeyMarker><NextVersionIdMarker>${last.id}</NextVersionIdMarker>`
        : '<IsTruncated>false</IsTruncated>';
    const entries = page.map(({ key, id, bytes }) => {
      const element = bytes ? 'Version' : 'DeleteMarker';
      return `<${element}><Key>${escaped(key)}</Key><VersionId>${id}</VersionId></${element}>`;
    });
    return document('ListVersionsResult', next + entries.join(''));
  }

  private current(key: string): (Version & { bytes: Buffer }) | undefined {
    const newest = this.objects.get(key)?.[0];
    return newest?.bytes ? { ...newest, bytes: newest.bytes } : undefined;
  }
}

const xml = { 'content-type': 'application/xml' };

function document(root: string, content: string): Buffer {
  return Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?><${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${root}>`,
  );
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function answer(
  response: ServerResponse,
  { status, code, body, headers }: { status: number; code?: string; body?: string; headers?: Record<string, string> },
): void {
  const words =
    body ?? (code === undefined ? '' : document('Error', `<Code>${code}</Code><Message>${code}</Message>`).toString());
  response.writeHead(status, { ...xml, ...headers });
  response.end(words);
}

/** Null when the sender broke off: then nothing is kept. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | null> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of request) pieces.push(piece as Buffer);
    return Buffer.concat(pieces);
  } catch {
    return null;
  }
}

/** What lies deeper, all on one page. */
function prefixesOf(keys: readonly string[], above: string, delimiter: string): Buffer {
  const deeper = keys.filter((key) => key.indexOf(delimiter, above.length) >= 0);
  const prefixes = new Set(deeper.map((key) => key.slice(0, key.indexOf(delimiter, above.length) + 1)));
  const listed = [...prefixes].map((one) => `<CommonPrefixes><Prefix>${escaped(one)}</Prefix></CommonPrefixes>`);
  return document('ListBucketResult', `<IsTruncated>false</IsTruncated>${listed.join('')}`);
}
