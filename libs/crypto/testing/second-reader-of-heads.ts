import { derive, START, unseal, type Vectors } from './second-reader.js';

export interface HeadVectors extends Vectors {
  backupHead: { name: string; head: object; sealed: string };
}

/** The head's name from its first half, and what it says. */
export function readBackupHead({ rootKey, backupHead }: HeadVectors): { name: string; head: unknown } {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  const root = Buffer.from(rootKey.key, 'base64');
  const first = backupHead.name.slice(0, 13);
  const key = derive(root, 'root/backup-name');
  const made = derive(key, 'backup/name', Buffer.alloc(0), Buffer.from(first, 'ascii')).subarray(0, 13);
  const second = Array.from(made, (byte) => alphabet[byte % 32]).join('');
  const head = unseal(derive(root, 'root/backup-head'), Buffer.from(backupHead.sealed, 'base64'), START);
  return { name: first + second, head: JSON.parse(head.toString('utf8')) };
}
