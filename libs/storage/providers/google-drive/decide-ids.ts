import { DriveApi, folderType } from './drive-api.js';
import { type HomeIds, topName } from './home.js';
import { IdPool } from './id-pool.js';
import { Wire, type WirePlace } from './wire.js';

/**
 * Decided once, when a connection is made, and kept with it. The visible folder is taken from an earlier connection of
 * this account where there is one; a list that is behind costs a second folder of that name, and nothing else.
 */
export async function decideIds(place: WirePlace): Promise<HomeIds> {
  const wire = new Wire(place);
  try {
    const api = new DriveApi(wire);
    const ids = new IdPool(api);
    const query = `'root' in parents and name = '${topName}' and mimeType = '${folderType}' and trashed = false`;
    const earlier = (await api.search({ query, pageSize: 10 }))?.files[0]?.id;
    return { folder: await ids.take(), marker: await ids.take(), top: earlier ?? (await ids.take()) };
  } finally {
    wire.close();
  }
}
