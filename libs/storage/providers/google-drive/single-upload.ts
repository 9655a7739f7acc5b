import { randomBytes } from 'node:crypto';
import { BodyLengthWrong } from '../../errors.js';
import type { BlobBody } from '../../provider.js';
import { type DriveFile, readFile } from './drive-api.js';
import { units } from './traits.js';
import type { Wire } from './wire.js';

/** What of a file an upload answers with. */
const uploadFields = 'id,size,md5Checksum,trashed';

export interface SingleUpload {
  /** Whose content is replaced; without it a new file is made. */
  readonly replaces?: string;
  readonly metadata: object;
  readonly body: BlobBody;
  readonly signal?: AbortSignal;
}

/**
 * Metadata and bytes in one request. A whole file or none: a request that breaks off leaves nothing, and one that is
 * repeated with the same id is refused. Null: there is a file with this id (or, to be replaced, none).
 */
export async function uploadAtOnce(wire: Wire, upload: SingleUpload): Promise<DriveFile | null> {
  const { replaces, metadata, body, signal } = upload;
  const boundary = randomBytes(16).toString('hex');
  const head = Buffer.from(
    `--${boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n${JSON.stringify(metadata)}` +
      `\r\n--${boundary}\r\ncontent-type: application/octet-stream\r\n\r\n`,
  );
  const tail = Buffer.from(`\r\n--${boundary}--`);
  const answer = await wire.ask({
    method: replaces === undefined ? 'POST' : 'PATCH',
    url: uploadAddress(wire, 'multipart', replaces),
    gated: { kind: 'upload', bytes: body.length, units: units.change },
    headers: { 'Content-Type': `multipart/related; boundary=${boundary}` },
    body: { length: head.length + body.length + tail.length, pieces: () => enclosed(head, body, tail) },
    understood: [replaces === undefined ? 409 : 404],
    ...(signal && { signal }),
  });
  return answer.status === 409 || answer.status === 404 ? null : readFile(answer);
}

export function uploadAddress(wire: Wire, type: 'multipart' | 'resumable', id?: string): URL {
  const url = new URL(`/upload/drive/v3/files${id === undefined ? '' : `/${encodeURIComponent(id)}`}`, wire.root);
  url.searchParams.set('uploadType', type);
  url.searchParams.set('fields', uploadFields);
  return url;
}

async function* enclosed(head: Buffer, body: BlobBody, tail: Buffer): AsyncGenerator<Buffer> {
  yield head;
  let sent = 0;
  for await (const piece of body.pieces()) {
    sent += piece.length;
    if (sent > body.length) throw new BodyLengthWrong();
    yield piece;
  }
  // Before the closing line goes out: without it nothing is kept.
  if (sent !== body.length) throw new BodyLengthWrong();
  yield tail;
}
