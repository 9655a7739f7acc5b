import type { Sql } from '../database/index.js';
import type { SealedCredentials } from '../keys/index.js';
import { COLUMNS, type ConnectionRow } from './connections.store.js';

export function credentialsUnderOtherEpochs(sql: Sql, epoch: number, most: number): Promise<ConnectionRow[]> {
  return sql.query(`select ${COLUMNS} from connections where credential_epoch <> $1 limit $2 for update skip locked`, [
    epoch,
    most,
  ]);
}

export async function replaceCredentialWrapping(sql: Sql, id: string, sealed: SealedCredentials): Promise<void> {
  await sql.execute('update connections set credential_key = $2, credential_epoch = $3 where id = $1', [
    id,
    sealed.wrappedKey,
    sealed.epoch,
  ]);
}
