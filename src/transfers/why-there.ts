import type { NamedPlace } from '../connections/index.js';
import type { PlacementRow } from '../contents/index.js';

const GIB = 1024 ** 3;

/** Why a shard lies where it does, or why it does not lie there any more, for people. */
export function whyThere(
  row: PlacementRow,
  place: NamedPlace | undefined,
  home: NamedPlace | undefined,
  storedAt: Date,
): string {
  const label = place === undefined ? 'a connection that is gone' : `“${place.label}”`;
  if (row.state === 'missing' || row.state === 'damaged') {
    return `Found ${row.state} on ${label}, ${day(row.fault_at)}; it waits to be made anew from the others.`;
  }
  if (place === undefined || place.removed || row.state === 'gone') {
    return 'Its connection was removed; it waits to be made anew from the others.';
  }
  if (row.state === 'spooled') {
    const waitsFor = home === undefined ? 'a place' : `“${home.label}”, which was away or full then`;
    return `Since ${day(row.stored_at)} in the spool ${label}: it waits for ${waitsFor}.`;
  }
  if (place.given_up)
    return `On ${label}, which was given up: it is made anew elsewhere, and read from here while it answers.`;
  const moved = row.stored_at.getTime() > storedAt.getTime();
  const came = moved ? `Moved to ${label}, ${day(row.stored_at)}` : `Stored on ${label}, ${day(row.stored_at)}`;
  return `${came}: none of the chunk’s other places fails together with “${place.domain}”; ${howDrawn(place)}.`;
}

function howDrawn({ priority, free, failing }: NamedPlace): string {
  const room = free === null ? 'its free space is not known' : `${(free / GIB).toFixed(1)} GiB are free there now`;
  const rank = priority === 0 ? 'drawn by free space' : `filled by its priority (${priority})`;
  return `${rank}, ${room}${failing ? ', and it does not answer for the moment' : ''}`;
}

function day(date: Date | null): string {
  return date === null ? 'some time ago' : date.toISOString().slice(0, 10);
}
