import { FolderMissing } from '../../errors.js';
import type { FolderPage } from '../../lists-folders.js';
import type { Graph } from './graph.js';
import { itemFields, readPage } from './items.js';
import { byId } from './our-folder.js';

const fewAtOnce = '200';

/** The folders in a folder. With the narrow permission, the application's own is the top of what we may see. */
export async function foldersIn(graph: Graph, id: string, cursor?: string, signal?: AbortSignal): Promise<FolderPage> {
  signal?.throwIfAborted();
  if (id !== 'root' && !/^[\w!.$-]{1,300}$/.test(id)) throw new FolderMissing();
  const { items, nextLink } = readPage(await children(graph, id, cursor, signal));
  const folders = items.filter(({ isFolder }) => isFolder).map((item) => ({ id: item.id, name: item.name }));
  return nextLink === null ? { folders } : { folders, nextCursor: graph.nextPath(nextLink) };
}

async function children(graph: Graph, id: string, cursor?: string, signal?: AbortSignal): Promise<unknown> {
  const query = { $top: fewAtOnce, $select: itemFields };
  if (cursor !== undefined) {
    // Ours, handed back by somebody: it leads to a page of children and nowhere else.
    if (!/^\/[^?#]{1,1000}\/children\?[^#]{1,6000}$/.test(cursor) || cursor.includes('://')) throw new FolderMissing();
    return (await found(graph, cursor, {}, [400, 404], signal)).json;
  }
  if (id !== 'root') return (await found(graph, `${byId(id)}/children`, query, [400, 404], signal)).json;
  const top = await graph.list('/me/drive/root/children', query, { accept: [403], signal });
  if (top.status !== 403) return top.json;
  return (await graph.list('/me/drive/special/approot/children', query, { signal })).json;
}

async function found(
  graph: Graph,
  path: string,
  query: Readonly<Record<string, string>>,
  missing: readonly number[],
  signal?: AbortSignal,
) {
  const told = await graph.list(path, query, { accept: missing, signal });
  if (missing.includes(told.status)) throw new FolderMissing();
  return told;
}
