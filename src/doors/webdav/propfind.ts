import { Injectable } from '@nestjs/common';
import type { Response } from 'express';
import { Config } from '../../config/index.js';
import {
  Locks,
  type Names,
  type Outline,
  Outlines,
  Properties,
  type Property,
  type PropertyName,
} from '../../files/index.js';
import { RoomForUpload } from '../../transfers/index.js';
import { hrefOf } from './address.js';
import {
  allLiveProperties,
  isAboutLocks,
  isLive,
  isQuota,
  liveNames,
  liveProperty,
  type Shown,
} from './live-properties.js';
import { MultiStatus, propstat } from './multistatus.js';
import type { Asked } from './property-requests.js';
import { escapeXml } from './xml/characters.js';

const PAGE = 1000;
/** All that programs may have noted down about so many entries is at most 16 MiB. */
const NOTED_AT_ONCE = 250;

/** Answers PROPFIND: the properties of a file or a folder, and of what lies in it. */
@Injectable()
export class Propfind {
  constructor(
    private readonly outlines: Outlines,
    private readonly properties: Properties,
    private readonly locks: Locks,
    private readonly room: RoomForUpload,
    private readonly config: Config,
  ) {}

  async answer(
    account: string,
    names: Names,
    look: { asked: Asked; children: boolean },
    response: Response,
  ): Promise<void> {
    const { asked, children } = look;
    const found = await this.outlines.of(account, names, PAGE);
    const locks = wantsLocks(asked) ? await this.locks.at(account, names, children) : [];
    const room = wantsRoom(asked) ? await this.room.left(account) : null;
    const show = (entry: Outline, at: Names): Shown => ({ entry, names: at, locks, room });
    const answer = new MultiStatus(response, this.config.stallSeconds * 1000);
    await this.#add(answer, account, asked, [show(found.itself, names)]);
    for await (const page of children ? found.children() : []) {
      const shown = page.map((entry) => show(entry, [...names, entry.name]));
      for (let at = 0; at < shown.length; at += NOTED_AT_ONCE) {
        await this.#add(answer, account, asked, shown.slice(at, at + NOTED_AT_ONCE));
      }
      if (response.destroyed) return;
    }
    await answer.end();
  }

  async #add(answer: MultiStatus, account: string, asked: Asked, shown: readonly Shown[]): Promise<void> {
    const wanted = deadNames(asked);
    const ids = shown.map(({ entry }) => entry.id);
    const noted = wanted?.length === 0 ? null : await this.properties.of(account, ids, wanted);
    for (const one of shown) await answer.add(responseOf(one, asked, noted?.get(one.entry.id) ?? []));
  }
}

function wantsLocks(asked: Asked): boolean {
  return (
    asked.kind === 'all' || (asked.kind === 'these' && asked.names.some((one) => isAboutLocks(one.namespace, one.name)))
  );
}

function wantsRoom(asked: Asked): boolean {
  const names = asked.kind === 'these' ? asked.names : asked.kind === 'all' ? asked.also : [];
  return names.some((one) => isQuota(one.namespace, one.name));
}

/** The names to look for among what programs noted down; null is all of them. */
function deadNames(asked: Asked): readonly PropertyName[] | null {
  return asked.kind === 'these' ? asked.names.filter((one) => !isLive(one.namespace, one.name)) : null;
}

function responseOf(shown: Shown, asked: Asked, noted: readonly Property[]): string {
  const href = `<D:href>${escapeXml(hrefOf(shown.names, shown.entry.file === null))}</D:href>`;
  return `<D:response>${href}${propstats(shown, asked, noted)}</D:response>\n`;
}

function propstats(shown: Shown, asked: Asked, noted: readonly Property[]): string {
  if (asked.kind === 'names') return propstat(liveNames(shown) + noted.map(emptyOf).join(''), OK);
  const named = asked.kind === 'these' ? asked.names : asked.also;
  let [found, missing] = ['', ''];
  for (const name of named) {
    const value = isLive(name.namespace, name.name) ? liveProperty(shown, name.name) : valueOf(noted, name);
    if (value !== null) found += asked.kind === 'all' && !isLive(name.namespace, name.name) ? '' : value;
    else missing += emptyOf(name);
  }
  if (asked.kind === 'all') found += allLiveProperties(shown) + noted.map(({ value }) => value).join('');
  // A response says at least that nothing was asked.
  return (
    propstat(found, OK) + propstat(missing, MISSING) ||
    `<D:propstat><D:prop/><D:status>HTTP/1.1 ${OK}</D:status></D:propstat>`
  );
}

const OK = '200 OK';
const MISSING = '404 Not Found';

function valueOf(noted: readonly Property[], wanted: PropertyName): string | null {
  return noted.find(({ namespace, name }) => namespace === wanted.namespace && name === wanted.name)?.value ?? null;
}

/** Only its name: in the gateway's own prefix, in one of its own, or in no namespace. */
export function emptyOf({ namespace, name }: PropertyName): string {
  if (namespace === 'DAV:') return `<D:${name}/>`;
  return namespace === '' ? `<${name}/>` : `<x:${name} xmlns:x="${escapeXml(namespace)}"/>`;
}
