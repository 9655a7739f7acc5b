import { describe, expect, it } from 'vitest';
import type { Sql } from '../database/index.js';
import type { AccountKeys } from '../keys/index.js';
import { BelowFile, TreeBusy } from './errors.js';
import { publishVersion, type NewVersion } from './publish-version.js';
import type { NodeRow } from './tree.store.js';
import { ensureFoldersBelow } from './tree.js';

const node = (id: string, kind: NodeRow['kind'] = 'folder'): NodeRow => ({
  id,
  parent: id === 'root' ? null : 'root',
  kind,
  name: id,
  head: kind === 'file' ? 'version' : null,
  created_at: new Date(),
  modified_at: new Date(),
});

/** A database in which others were faster, as each look is told to find it. */
function contested(looks: { inserted?: NodeRow; found?: NodeRow }[]): Sql {
  let look = -1;
  return {
    prepared: async (name: string) => {
      if (name === 'walk') return [node('root'), node('file', 'file')];
      if (name !== 'insert-folder') return [];
      look += 1;
      const inserted = looks[look]?.inserted;
      return inserted ? [inserted] : [];
    },
    query: async () => {
      const found = looks[look]?.found;
      return found ? [found] : [];
    },
  } as unknown as Sql;
}

describe('a folder that an upload needs', () => {
  const ensure = (sql: Sql) => ensureFoldersBelow(sql, 'account', [node('root')], ['folder']);

  it('is made anew when somebody made it first and threw it away again', async () => {
    const nodes = await ensure(contested([{}, {}, { inserted: node('folder') }]));
    expect(nodes.map(({ id }) => id)).toEqual(['root', 'folder']);
  });

  it('is a file by now, and nothing can lie below that', async () => {
    await expect(ensure(contested([{ found: node('folder', 'file') }]))).rejects.toBeInstanceOf(BelowFile);
  });

  it('comes and goes under every look: busy, which is worth another try', async () => {
    await expect(ensure(contested([]))).rejects.toMatchObject({ name: 'TreeBusy', retriable: true });
  });
});

it('a file that is replaced or moved under every look is busy, too', async () => {
  const target = { account: 'account', names: ['file'], wanted: {}, admission: null };
  const publish = publishVersion(contested([]), {} as AccountKeys, target, {} as NewVersion);
  await expect(publish).rejects.toBeInstanceOf(TreeBusy);
});
