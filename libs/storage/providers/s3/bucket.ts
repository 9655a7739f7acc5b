import type { Agent as PlainAgent } from 'node:http';
import type { Agent as SecureAgent } from 'node:https';
import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { BlobMissing, BodyLengthWrong } from '../../errors.js';
import type { BlobBody, ByteRange } from '../../provider.js';
import { type GatedRequest, openGate, type RequestGate } from '../../request-gate.js';
import type { Digests } from './digests.js';
import type { CreateOnlyHeader } from './presets.js';
import { readAnswer } from './read-answer.js';
import { asS3Fault, NotS3, outcomeOf } from './s3-faults.js';
import { Silence } from './silence.js';
import type { Target } from './target.js';

/** Sockets to nowhere but where it was allowed: the SDK makes none of its own. */
export interface Agents {
  readonly http: PlainAgent;
  readonly https: SecureAgent;
}

export interface Limits {
  /** Without a byte in either direction, inside a body. */
  readonly idleMs: number;
  /** From the last byte of a request to the head of its answer. */
  readonly answerMs: number;
}

const usualLimits: Limits = { idleMs: 60_000, answerMs: 120_000 };
/** So much of a body is handed over at a time: even a slow line takes it well within the idle time. */
const partLength = 64 * 1024;

const look: GatedRequest = { kind: 'look' };

/** What lies under a key. `etag` is bare; `sealed`: encrypted so that the ETag is no hash of the content. */
export interface StoredObject {
  readonly length: number;
  readonly etag: string;
  readonly sha256: string | null;
  readonly sealed: boolean;
}

export interface PutAnswer {
  readonly etag: string;
  readonly sha256: string | null;
  readonly versionId: string | null;
}

export interface ListedObject {
  readonly key: string;
  readonly length: number;
  readonly etag: string;
}

/** Ids: of the contents newest first, and of the marks that say that it was deleted. */
export interface Versions {
  readonly contents: string[];
  readonly markers: string[];
}

export interface Upload {
  readonly body: BlobBody;
  readonly digests: Digests;
  readonly createOnly?: CreateOnlyHeader;
}

/**
 * The few calls that are made on a bucket, each sent once: repeating is the business of a wrapper. No call looks into
 * the environment or into files of AWS's tools, follows a redirect, or waits for a store that has fallen silent.
 */
export class Bucket {
  private readonly client: S3Client;

  constructor(
    private readonly target: Target,
    agents: Agents,
    private readonly limits: Limits = usualLimits,
    private readonly gate: RequestGate = openGate,
  ) {
    this.client = new S3Client(configuration(target, agents));
    // The SDK's own note in the address, which some stores refuse to be signed.
    this.client.middlewareStack.add(
      (next) => (args) => {
        delete (args.request as Sent).query['x-id'];
        return next(args);
      },
      { step: 'build', name: 'withoutOwnNote' },
    );
  }

  /** The store checks the bytes against a hash in the signed head, and keeps nothing of others. */
  async put(key: string, { body, digests, createOnly }: Upload, signal?: AbortSignal): Promise<PutAnswer> {
    const silence = new Silence();
    const source = Readable.from(this.parts(body, silence), { objectMode: false });
    source.on('error', () => undefined);
    const sha256 = digests.sha256.toString('base64');
    const hashes =
      this.target.preset.checksum === 'sha256'
        ? { ChecksumSHA256: sha256 }
        : { ContentMD5: digests.md5.toString('base64') };
    const where = { Bucket: this.target.bucket, Key: key };
    const command = new PutObjectCommand({ ...where, Body: source, ContentLength: body.length, ...hashes });
    const headers = { 'x-amz-content-sha256': digests.sha256.toString('hex'), ...asHeader(createOnly) };
    command.middlewareStack.add(
      (next) => (args) => {
        Object.assign((args.request as Sent).headers, headers);
        return next(args);
      },
      { step: 'build', name: 'hashAndCondition' },
    );
    try {
      const answer = await this.send({ kind: 'upload', bytes: body.length }, signal, silence, (options) =>
        this.client.send(command, options),
      );
      return { etag: bare(answer.ETag), sha256: answer.ChecksumSHA256 ?? null, versionId: answer.VersionId ?? null };
    } finally {
      // Answered before all was sent: the rest of the body has nowhere to go.
      if (!source.readableEnded) silence.break(new Error('answered early'));
      source.destroy();
    }
  }

  async *get(
    key: string,
    range: ByteRange,
    { signal, pieceLength = Infinity }: { signal?: AbortSignal; pieceLength?: number } = {},
  ): AsyncGenerator<Buffer> {
    const silence = new Silence();
    const command = new GetObjectCommand({
      Bucket: this.target.bucket,
      Key: key,
      Range: `bytes=${range.offset}-${range.offset + range.length - 1}`,
    });
    const { Body, ContentRange, ContentLength } = await this.send(
      { kind: 'download', bytes: range.length },
      signal,
      silence,
      (options) => this.client.send(command, options),
    );
    const answer = { body: Body as Readable, contentRange: ContentRange, contentLength: ContentLength };
    const waiting = { silence, idleMs: this.limits.idleMs, signal, pieceLength };
    yield* readAnswer(answer, range, waiting);
  }

  /** A small object whole, or null. */
  async read(key: string, longest: number, signal?: AbortSignal): Promise<Buffer | null> {
    const silence = new Silence();
    const command = new GetObjectCommand({ Bucket: this.target.bucket, Key: key });
    try {
      const { Body, ContentLength = 0 } = await this.send(look, signal, silence, (options) =>
        this.client.send(command, options),
      );
      const answer = { body: Body as Readable, contentRange: undefined, contentLength: ContentLength };
      const waiting = { silence, idleMs: this.limits.idleMs, signal, pieceLength: Infinity };
      const pieces: Buffer[] = [];
      for await (const piece of readAnswer(answer, { offset: 0, length: Math.min(ContentLength, longest) }, waiting)) {
        pieces.push(piece);
      }
      return Buffer.concat(pieces);
    } catch (error) {
      if (error instanceof BlobMissing) return null;
      throw error;
    }
  }

  async head(key: string, signal?: AbortSignal): Promise<StoredObject | null> {
    const command = new HeadObjectCommand({
      Bucket: this.target.bucket,
      Key: key,
      ...(this.target.preset.checksum === 'sha256' ? { ChecksumMode: 'ENABLED' as const } : {}),
    });
    try {
      const found = await this.send(look, signal, new Silence(), (options) => this.client.send(command, options));
      return {
        length: found.ContentLength ?? 0,
        etag: bare(found.ETag),
        sha256: found.ChecksumSHA256 ?? null,
        sealed: found.SSECustomerAlgorithm !== undefined || (found.ServerSideEncryption ?? '').startsWith('aws:kms'),
      };
    } catch (error) {
      if (error instanceof BlobMissing) return null;
      throw error;
    }
  }

  /** Whether the bucket has kept it as an old version. */
  async remove(key: string, versionId?: string, signal?: AbortSignal): Promise<{ kept: boolean }> {
    const command = new DeleteObjectCommand({ Bucket: this.target.bucket, Key: key, VersionId: versionId });
    try {
      const answer = await this.send({ kind: 'change' }, signal, new Silence(), (options) =>
        this.client.send(command, options),
      );
      return { kept: versionId === undefined && (answer.DeleteMarker === true || answer.VersionId !== undefined) };
    } catch (error) {
      if (error instanceof BlobMissing) return { kept: false };
      throw error;
    }
  }

  async list(
    prefix: string,
    cursor: string | undefined,
    most: number,
    signal?: AbortSignal,
  ): Promise<{ objects: ListedObject[]; nextCursor: string | undefined }> {
    const command = new ListObjectsV2Command({
      Bucket: this.target.bucket,
      Prefix: prefix,
      ContinuationToken: cursor,
      MaxKeys: most,
    });
    const page = await this.send(look, signal, new Silence(), (options) => this.client.send(command, options));
    if (page.IsTruncated === undefined) throw new NotS3();
    const objects = (page.Contents ?? []).map(({ Key = '', Size = 0, ETag }) => ({
      key: Key,
      length: Size,
      etag: bare(ETag),
    }));
    return { objects, nextCursor: page.IsTruncated ? page.NextContinuationToken : undefined };
  }

  /** The prefixes below this one, up to the next slash. */
  async prefixes(
    prefix: string,
    cursor: string | undefined,
    most: number,
    signal?: AbortSignal,
  ): Promise<{ prefixes: string[]; nextCursor: string | undefined }> {
    const where = { Bucket: this.target.bucket, Prefix: prefix, Delimiter: '/' };
    const command = new ListObjectsV2Command({ ...where, ContinuationToken: cursor, MaxKeys: most });
    const page = await this.send(look, signal, new Silence(), (options) => this.client.send(command, options));
    if (page.IsTruncated === undefined) throw new NotS3();
    const prefixes = (page.CommonPrefixes ?? []).flatMap(({ Prefix }) => (Prefix === undefined ? [] : [Prefix]));
    return { prefixes, nextCursor: page.IsTruncated ? page.NextContinuationToken : undefined };
  }

  /** All that is kept of one key. */
  async versionsOf(key: string, signal?: AbortSignal): Promise<Versions> {
    const found: Versions = { contents: [], markers: [] };
    let from: { KeyMarker?: string; VersionIdMarker?: string } = {};
    for (;;) {
      const command = new ListObjectVersionsCommand({ Bucket: this.target.bucket, Prefix: key, ...from });
      const page = await this.send(look, signal, new Silence(), (options) => this.client.send(command, options));
      if (page.IsTruncated === undefined) throw new NotS3();
      found.contents.push(...idsOf(page.Versions, key));
      found.markers.push(...idsOf(page.DeleteMarkers, key));
      if (!page.IsTruncated || page.NextKeyMarker === undefined) return found;
      from = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
    }
  }

  close(): void {
    this.client.destroy();
  }

  private async send<Answer>(
    request: GatedRequest,
    signal: AbortSignal | undefined,
    silence: Silence,
    call: (options: { abortSignal: AbortSignal }) => Promise<Answer>,
  ): Promise<Answer> {
    const pass = await this.gate.enter(request, signal);
    silence.await(this.limits.answerMs);
    try {
      const answer = await call({ abortSignal: signal ? AbortSignal.any([signal, silence.signal]) : silence.signal });
      pass.end({ kind: 'answered' });
      return answer;
    } catch (error) {
      const fault =
        signal?.aborted || silence.signal.aborted ? (signal?.reason ?? silence.signal.reason) : asS3Fault(error);
      pass.end(outcomeOf(fault));
      throw fault;
    } finally {
      silence.rest();
    }
  }

  /** A body that breaks, or that has another length than it had when it was hashed, breaks the request off with it. */
  private async *parts(body: BlobBody, silence: Silence): AsyncGenerator<Buffer> {
    let left = body.length;
    try {
      for await (const piece of body.pieces()) {
        for (let at = 0; at < piece.length; at += partLength) {
          const part = piece.subarray(at, at + partLength);
          left -= part.length;
          if (left < 0) throw new BodyLengthWrong();
          silence.await(this.limits.idleMs);
          yield part;
          silence.rest();
        }
      }
      if (left > 0) throw new BodyLengthWrong();
      silence.await(this.limits.answerMs);
    } catch (error) {
      silence.break(error);
      throw error;
    }
  }
}

interface Sent {
  readonly headers: Record<string, string>;
  readonly query: Record<string, unknown>;
}

/** Everything that the SDK would look up elsewhere is said here. */
function configuration(target: Target, agents: Agents): S3ClientConfig {
  const { endpoint, region, pathStyle, accessKeyId, secretAccessKey } = target;
  return {
    endpoint,
    region,
    forcePathStyle: pathStyle,
    credentials: { accessKeyId, secretAccessKey },
    // Idle times are our own: a reader that pauses is no silence of the store.
    requestHandler: { httpAgent: agents.http, httpsAgent: agents.https, socketTimeout: 0, requestTimeout: 0 },
    maxAttempts: 1,
    retryMode: 'standard',
    defaultsMode: 'standard',
    // Checksums of the SDK's own choice come as trailers, which most stores do not read.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // With it, the SDK opens a socket that no agent of ours has checked.
    expectContinueHeader: false,
    followRegionRedirects: false,
    useArnRegion: false,
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    useAccelerateEndpoint: false,
    disableMultiregionAccessPoints: true,
    disableS3ExpressSessionAuth: true,
    sigv4aSigningRegionSet: [region],
    authSchemePreference: ['sigv4'],
    userAgentAppId: '',
    logger: { debug: hush, info: hush, warn: hush, error: hush },
  };
}

/** What goes wrong is thrown, and told by those who catch it. */
function hush(): void {}

function asHeader(header: CreateOnlyHeader | undefined): Record<string, string> {
  return header ? { [header[0]]: header[1] } : {};
}

function bare(etag: string | undefined): string {
  return (etag ?? '').replace(/^"|"$/g, '').toLowerCase();
}

function idsOf(list: readonly { Key?: string; VersionId?: string }[] | undefined, key: string): string[] {
  return (list ?? []).flatMap(({ Key, VersionId }) => (Key === key && VersionId !== undefined ? [VersionId] : []));
}
