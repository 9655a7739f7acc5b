import { createHash } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';
import type { Client, Received } from '../support/client.js';
import { expectStatus, type Scenario } from './scenarios.js';
import { CHUNK, query } from './site.js';

const TUS = { 'Tus-Resumable': '1.0.0' };
/** What is stored, and acknowledged, before the part that is killed. */
const FIRST = CHUNK + 10;

/** The last part of an upload over several requests. Its client goes on where the gateway that comes after says. */
export function resumableUpload(name: string, path: string, bytes: Buffer): Scenario {
  const metadata = `path ${Buffer.from(path).toString('base64')}`;
  const patch = (client: Client, place: string, from: number, to: number, headers: OutgoingHttpHeaders = {}) => {
    const own = { ...TUS, 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': from };
    return client.send(place, { method: 'PATCH', body: bytes.subarray(from, to), headers: { ...own, ...headers } });
  };
  return {
    name,
    async run(client, headers) {
      const begin = { ...TUS, 'Upload-Length': bytes.length, 'Upload-Metadata': metadata };
      const made = await expectStatus(client.send('/api/uploads', { method: 'POST', headers: begin }), 201);
      const place = made.headers.location!;
      await expectStatus(patch(client, place, 0, FIRST), 204);
      return patch(client, place, FIRST, bytes.length, headers);
    },
    change: (tree) => void tree.set(path, createHash('sha256').update(bytes).digest('hex')),
    again: 204,
    async goOn(client, databaseUrl) {
      const [upload] = await query<{ id: string }>(databaseUrl, 'select id from uploads');
      const place = `/api/uploads/${upload!.id}`;
      const told = await client.send(place, { method: 'HEAD', headers: TUS });
      const offset = Number(told.headers['upload-offset']);
      if (told.status !== 200 || !(offset >= FIRST)) return [`it was said to stand at ${offset} (${told.status})`];
      return refusals(await patch(client, place, offset, bytes.length));
    },
  };
}

function refusals(answer: Received): string[] {
  return answer.status === 204 ? [] : [`going on was answered ${answer.status}`];
}
