import { DriveRefusal } from './answering.js';
import type { Metadata } from './items.js';
import type { Received } from './server.js';

export function metadataOf({ body, headers }: Pick<Received, 'body' | 'headers'>): Metadata {
  if (body.length === 0) return {};
  if (!(headers['content-type'] ?? '').startsWith('application/json'))
    throw new DriveRefusal(400, 'badContent', 'Unsupported content type');
  return parsed(body);
}

export function parsed(body: Buffer): Metadata {
  try {
    return JSON.parse(body.toString()) as Metadata;
  } catch {
    throw new DriveRefusal(400, 'parseError', 'Parse Error');
  }
}
