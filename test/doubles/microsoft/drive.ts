import { randomBytes } from 'node:crypto';
import type { User } from './accounts.js';
import type { Content } from './content.js';
import { Refusal } from './exchange.js';

export type Conflict = 'fail' | 'replace' | 'rename';

export interface Item {
  readonly id: string;
  name: string;
  parent: Item | null;
  /** By lower-case name; null for files. */
  readonly children: Map<string, Item> | null;
  content: Content | null;
  version: number;
  /** Deleted. */
  gone: boolean;
}

export interface Folder extends Item {
  readonly children: Map<string, Item>;
}

/** One user's files. Names are compared without case, as OneDrive does. */
export class Drive {
  readonly root: Folder = {
    id: this.newId(),
    name: 'root',
    parent: null,
    children: new Map(),
    content: null,
    version: 1,
    gone: false,
  };
  /** What was deleted and not destroyed. */
  readonly bin: Item[] = [];
  /** Files, the bin's too, and the older versions that count against the quota of a firm's drive. */
  used = 0;
  private readonly items = new Map<string, Item>([[this.root.id, this.root]]);
  private appFolder: Item | null = null;
  private snapshot: Map<string, readonly Item[]> | null = null;

  constructor(
    readonly user: User,
    private readonly applicationName: string,
  ) {}

  byId(id: string): Item {
    const found = this.items.get(id);
    if (!found) throw new Refusal(404, 'itemNotFound');
    return found;
  }

  below(start: Item, names: readonly string[]): Item | null {
    let found: Item | undefined = start;
    for (const name of names) found = found?.children?.get(name.toLowerCase());
    return found ?? null;
  }

  /** The application's own folder, if a GET has made it and nobody has deleted it. */
  get approot(): Item | null {
    return this.appFolder && this.items.has(this.appFolder.id) ? this.appFolder : null;
  }

  makeApproot(): Item {
    if (this.approot) return this.approot;
    const apps = this.below(this.root, ['Apps']) ?? this.makeFolder(this.root, 'Apps', 'fail');
    this.appFolder = this.makeFolder(requireFolder(apps), this.applicationName, 'rename');
    return this.appFolder;
  }

  isWithinApproot(item: Item): boolean {
    for (let at: Item | null = item; at; at = at.parent) if (at === this.approot) return true;
    return false;
  }

  makeFolder(parent: Folder, name: string, conflict: Conflict): Folder {
    const taken = parent.children.get(name.toLowerCase());
    if (taken && conflict === 'fail') throw new Refusal(409, 'nameAlreadyExists');
    if (taken?.children && conflict === 'replace') return requireFolder(taken);
    const folder = { ...this.newItem(parent, this.freeName(parent, name)), children: new Map<string, Item>() };
    return this.add(folder);
  }

  /** `null` content: said to be kept, and is not. */
  place(parent: Folder, name: string, content: Content, conflict: Conflict): { item: Item; made: boolean } {
    const taken = parent.children.get(name.toLowerCase());
    if (taken && conflict === 'fail') throw new Refusal(409, 'nameAlreadyExists');
    if (taken?.children && conflict === 'replace') throw new Refusal(409, 'nameAlreadyExists');
    if (content.length > this.free)
      throw new Refusal(507, 'quotaLimitReached', undefined, 'Insufficient Space Available');
    if (taken && conflict === 'replace') {
      if (this.user.kind === 'personal') this.used -= taken.content?.length ?? 0;
      this.used += content.length;
      taken.content?.remove();
      taken.content = content;
      taken.version += 1;
      return { item: taken, made: false };
    }
    const item = { ...this.newItem(parent, this.freeName(parent, name)), content };
    this.used += content.length;
    return { item: this.add(item), made: true };
  }

  remove(item: Item, forGood: boolean): void {
    if (item === this.root) throw new Refusal(403, 'accessDenied');
    this.forget(item);
    item.parent?.children?.delete(item.name.toLowerCase());
    if (!forGood) return void this.bin.push(item);
    for (const { content } of filesOf(item)) {
      this.used -= content?.length ?? 0;
      content?.remove();
    }
  }

  rename(item: Item, name: string): void {
    item.parent?.children?.delete(item.name.toLowerCase());
    item.name = name;
    item.parent?.children?.set(name.toLowerCase(), item);
  }

  get free(): number {
    return Math.max(0, this.user.quota - this.used);
  }

  /** From now on listings show what there is at this moment, whatever happens. */
  freezeLists(): void {
    this.snapshot = new Map(
      [...this.items.values()].flatMap(({ id, children }) => (children ? [[id, [...children.values()]] as const] : [])),
    );
  }

  thawLists(): void {
    this.snapshot = null;
  }

  children(folder: Folder): readonly Item[] {
    return this.snapshot?.get(folder.id) ?? [...folder.children.values()];
  }

  private newItem(parent: Folder, name: string): Item {
    return { id: this.newId(), name, parent, children: null, content: null, version: 1, gone: false };
  }

  private add<Kind extends Item>(item: Kind): Kind {
    this.items.set(item.id, item);
    item.parent?.children?.set(item.name.toLowerCase(), item);
    return item;
  }

  private forget(item: Item): void {
    item.gone = true;
    this.items.delete(item.id);
    for (const child of item.children?.values() ?? []) this.forget(child);
  }

  private freeName(parent: Folder, name: string): string {
    for (let at = 0; ; at += 1) {
      const wish = at === 0 ? name : `${name} ${at}`;
      if (!parent.children.has(wish.toLowerCase())) return wish;
    }
  }

  private newId(): string {
    return `01${randomBytes(20).toString('hex').toUpperCase()}`;
  }
}

export function requireFolder(item: Item): Folder {
  if (!item.children) throw new Refusal(400, 'invalidRequest', 'notAFolder');
  return item as Folder;
}

export function filesOf(item: Item): Item[] {
  return item.children ? [...item.children.values()].flatMap(filesOf) : [item];
}
