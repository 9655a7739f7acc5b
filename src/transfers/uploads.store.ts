import type { ManifestEntry } from '#crypto';
import type { Sql } from '../database/index.js';

export interface UploadRow {
  account: string;
  /** The content that it becomes has the same id. */
  id: string;
  names: string[];
  content_type: string;
  metadata: string;
  modified_at: Date | null;
  length: number | null;
  offset: number;
  chunks: number;
  sealed_hash: Buffer | null;
  fence: number;
  published: boolean;
  expires_at: Date;
}

const COLUMNS = `account, id, names, content_type, metadata, modified_at, length, "offset", chunks, sealed_hash, fence,
  published_at is not null as published, expires_at`;

export interface NewUpload {
  readonly account: string;
  readonly id: string;
  readonly names: readonly string[];
  readonly contentType: string;
  /** As the client sent it, to be told again. */
  readonly metadata: string;
  readonly modifiedAt: Date | null;
  readonly length: number | null;
}

export async function addUpload(sql: Sql, upload: NewUpload, lastsSeconds: number): Promise<UploadRow> {
  // What is over is forgotten when the account begins something new; nothing of it lies anywhere any more.
  await sql.execute(`delete from uploads where account = $1 and expires_at < now() - interval '1 day'`, [
    upload.account,
  ]);
  const rows = await sql.query<UploadRow>(
    `insert into uploads (account, id, names, content_type, metadata, modified_at, length, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8)) returning ${COLUMNS}`,
    [
      upload.account,
      upload.id,
      upload.names,
      upload.contentType,
      upload.metadata,
      upload.modifiedAt,
      upload.length,
      lastsSeconds,
    ],
  );
  return rows[0] as UploadRow;
}

/** How much lies in the account's unfinished uploads, and how many there are. */
export async function unfinished(sql: Sql, account: string): Promise<{ bytes: number; uploads: number }> {
  const rows = await sql.query<{ bytes: number; uploads: number }>(
    `select coalesce(sum("offset"), 0)::bigint as bytes, count(*)::int as uploads from uploads u
     where account = $1 and published_at is null and expires_at > now()
       and exists (select 1 from contents c where c.account = u.account and c.id = u.id and c.state = 'open')`,
    [account],
  );
  return rows[0] as { bytes: number; uploads: number };
}

/** An upload that goes on, or that was finished a while ago. */
export async function uploadById(sql: Sql, account: string, id: string): Promise<UploadRow | undefined> {
  const rows = await sql.query<UploadRow>(
    `select ${COLUMNS} from uploads u where account = $1 and id = $2 and expires_at > now()
       and (published_at is not null
         or exists (select 1 from contents c where c.account = u.account and c.id = u.id and c.state = 'open'))`,
    [account, id],
  );
  return rows[0];
}

/** From here on only the holder of the answer's fence may write; whoever wrote before finds its own gone. */
export async function takeUpload(sql: Sql, account: string, id: string): Promise<UploadRow | undefined> {
  const rows = await sql.query<UploadRow>(
    `update uploads u set fence = nextval('fencing_tokens')
     where account = $1 and id = $2 and expires_at > now() and published_at is null
       and exists (select 1 from contents c where c.account = u.account and c.id = u.id and c.state = 'open')
     returning ${COLUMNS}`,
    [account, id],
  );
  return rows[0];
}

export async function setLength(sql: Sql, upload: UploadRow, length: number): Promise<boolean> {
  const changed = await sql.execute(
    `update uploads set length = $4 where account = $1 and id = $2 and fence = $3 and length is null`,
    [upload.account, upload.id, upload.fence, length],
  );
  return changed === 1;
}

export interface Progress {
  readonly offset: number;
  readonly chunks: number;
  readonly sealedHash: Buffer;
}

/** Counts chunks that are durable. False when somebody else has taken the upload: then nothing was written. */
export async function addProgress(
  sql: Sql,
  upload: UploadRow,
  entries: readonly ManifestEntry[],
  { offset, chunks, sealedHash }: Progress,
  lastsSeconds: number,
): Promise<boolean> {
  const changed = await sql.execute(
    `update uploads set "offset" = $4, chunks = $5, sealed_hash = $6, expires_at = now() + make_interval(secs => $7)
     where account = $1 and id = $2 and fence = $3`,
    [upload.account, upload.id, upload.fence, offset, chunks, sealedHash, lastsSeconds],
  );
  if (changed !== 1) return false;
  await sql.execute(
    `insert into upload_chunks (account, content, index, "offset", length, padded, key_id, header)
     select $1::uuid, $2::uuid, e.* from
       unnest($3::int[], $4::bigint[], $5::int[], $6::int[], $7::uuid[], $8::bytea[]) as e(index, o, length, padded, key_id, header)`,
    [
      upload.account,
      upload.id,
      entries.map((entry) => entry.index),
      entries.map((entry) => entry.offset),
      entries.map((entry) => entry.length),
      entries.map((entry) => entry.padded),
      entries.map((entry) => entry.keyId),
      entries.map((entry) => entry.header),
    ],
  );
  await sql.execute(
    `update contents set lease_until = now() + make_interval(secs => $3) where account = $1 and id = $2 and state = 'open'`,
    [upload.account, upload.id, lastsSeconds],
  );
  return true;
}

/** What the stored chunks will say in the manifest, from an index on. */
export async function storedEntries(
  sql: Sql,
  { account, id }: UploadRow,
  from: number,
  most: number,
): Promise<ManifestEntry[]> {
  return sql.query<ManifestEntry>(
    `select index, "offset", length, padded, key_id as "keyId", header from upload_chunks
     where account = $1 and content = $2 and index >= $3 order by index limit $4`,
    [account, id, from, most],
  );
}

/** Inside the publishing transaction. False when somebody else has taken the upload. */
export async function notePublished(sql: Sql, upload: UploadRow): Promise<boolean> {
  const changed = await sql.execute(
    `update uploads set published_at = now(), sealed_hash = null where account = $1 and id = $2 and fence = $3`,
    [upload.account, upload.id, upload.fence],
  );
  if (changed !== 1) return false;
  await sql.execute(`delete from upload_chunks where account = $1 and content = $2`, [upload.account, upload.id]);
  return true;
}

export async function removeUpload(sql: Sql, account: string, id: string): Promise<boolean> {
  return (await sql.execute(`delete from uploads where account = $1 and id = $2`, [account, id])) === 1;
}
