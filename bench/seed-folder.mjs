import { randomUUIDv7 } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { deriveAccountKeys, deriveRootKeys, ready, sealVersion, SecretKey, unwrapKey } from '#crypto';

const ROWS_AT_ONCE = 5000;

/**
 * Fills a folder of the gateway's with so many files that share one content, as copies do: straight in its database, with
 * the versions sealed as the gateway seals them. Uploading them one by one would take minutes, and a listing reads neither
 * contents nor blobs. `model` is the record of a file that was uploaded into the folder.
 */
export async function seedFolder({ folder, account }, model, count) {
  const client = new pg.Client({
    host: join(folder, 'postgres', 'run'),
    port: 5432,
    user: 'tessera',
    database: 'postgres',
  });
  await client.connect();
  try {
    const { rows } = await client.query(
      `select n.parent, v.content, v.account_key, k.wrapped, k.root_epoch from nodes n
         join versions v on v.account = n.account and v.id = n.head
         join account_keys k on k.account = v.account and k.id = v.account_key
       where n.account = $1 and n.id = $2`,
      [account, model.id],
    );
    const tree = await treeKey(folder, account, rows[0]);
    for (let from = 0; from < count; from += ROWS_AT_ONCE) {
      const files = makeFiles({ account, model, tree, ...rows[0] }, from, Math.min(ROWS_AT_ONCE, count - from));
      await insert(client, account, rows[0], model, files);
    }
    await client.query('vacuum analyze nodes');
    await client.query('vacuum analyze versions');
  } finally {
    await client.end();
  }
}

async function treeKey(folder, account, { account_key: keyId, wrapped, root_epoch: epoch }) {
  await ready;
  const [, root] = /^\d+ (\S+)/.exec(await readFile(join(folder, 'root.key'), 'utf8'));
  const { accountWrap } = deriveRootKeys(SecretKey.from(Buffer.from(root, 'base64')));
  const context = { purpose: 'account-key', account, content: null, chunk: null, keyId, wrapper: null };
  return deriveAccountKeys(unwrapKey(accountWrap, wrapped, { ...context, epoch: Number(epoch) })).tree;
}

function makeFiles({ account, model, tree, content }, from, count) {
  const now = Date.now();
  const sha256 = Buffer.from(model.sha256, 'hex');
  return Array.from({ length: count }, (_, index) => {
    const [file, version] = [randomUUIDv7(), randomUUIDv7()];
    const { size, contentType } = model;
    const fields = { account, file, version, content, size, contentType, modifiedAt: now, createdAt: now };
    return { ...fields, name: `${from + index}.txt`, ...sealVersion(tree, fields, sha256) };
  });
}

async function insert(client, account, { parent, account_key: accountKey }, model, files) {
  const column = (name) => files.map((file) => file[name]);
  const moment = new Date(files[0].createdAt).toISOString();
  await client.query('begin');
  await client.query(
    `insert into nodes (account, id, parent, kind, name, name_key, head, head_size, head_type, head_modified_at)
     select $1, file, $2, 'file', name, name, version, $6, $7, $8
     from unnest($3::uuid[], $4::text[], $5::uuid[]) as f (file, name, version)`,
    [account, parent, column('file'), column('name'), column('version'), model.size, model.contentType, moment],
  );
  await client.query(
    `insert into versions (account, id, file, number, content, size, content_type, modified_at, created_at,
       account_key, mac, sealed_sha256)
     select $1, version, file, 1, $2, $3, $4, $5, $5, $6, mac, sealed
     from unnest($7::uuid[], $8::uuid[], $9::bytea[], $10::bytea[]) as f (version, file, mac, sealed)`,
    [
      ...[account, files[0].content, model.size, model.contentType, moment, accountKey],
      ...[column('version'), column('file'), column('mac'), column('sealedSha256')],
    ],
  );
  await client.query('commit');
}
