/// <reference types="vite/types/importMeta.d.ts" />
import { BadRequestException, NotFoundException } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { Fault, problems } from '#contracts';
import { TooManyAttempts } from '../accounts/index.js';
import { DatabaseAway } from '../database/index.js';
import { faultProblems, problemOfFault } from './fault-problems.js';
import { problemOf } from './problem-of.js';

/** Faults that stop a start, or that a room always catches: no request ever ends in one of these. */
const NEVER_ANSWERED = new Set([
  'UndeclaredRoute',
  'HashUnacceptable',
  'DatabaseUnusable',
  'TransactionAborted',
  'RootKeyUnusable',
  'BodyLengthWrong',
  'BlobNameRefused',
  'SlabClosed',
  'JobLost',
  'JobCancelled',
  'GatewayStops',
  'NotYet',
  'PurgeUnfinished',
  'JobKindUnfit',
  // A restore is a command, and a backup a job or a command.
  'BackupDamaged',
  'BackupFolderUnusable',
  'BackupOfAnotherKey',
  'BackupTooNew',
  'BackupNotFound',
  'ConnectionFileUnfit',
  'ConnectionUnfit',
  'CopyGivenUp',
  'NoFolderOfOurs',
  'PieceChanged',
  'PieceMissing',
  'PieceNotKept',
  'PlaceUnreadable',
  'DatabaseNotEmpty',
  'RootKeyMissing',
  'RootKeyUnfit',
  'PreviewNotKept',
  // A move or a look that comes to nothing says so in its job.
  'FolderGone',
  'MoveLost',
  'ShardUnlike',
  'SourcesMissing',
]);

const rooms = import.meta.glob<Record<string, unknown>>(
  ['../**/faults.ts', '../**/errors.ts', '../../libs/storage/errors.ts', './not-ready.ts'],
  { eager: true },
);

interface FaultClass {
  readonly name: string;
  readonly prototype: Fault;
}
const isFault = (value: unknown): value is FaultClass =>
  typeof value === 'function' && value.prototype instanceof Fault && value.name !== 'StorageFault';
const faults = Object.values(rooms).flatMap((room) => Object.values(room).filter(isFault));
const covers = (row: (typeof faultProblems)[number], fault: FaultClass) =>
  fault.prototype instanceof row.fault || (row.fault as unknown) === fault;

describe('the table of faults', () => {
  it.each(faults.map((fault) => [fault.name, fault] as const))('knows what to answer for %s', (name, fault) => {
    const mapped = faultProblems.some((row) => covers(row, fault));
    expect(mapped || NEVER_ANSWERED.has(name)).toBe(true);
  });

  it('leaves out only faults that there are, and that it does not know', () => {
    const left = faults.filter((fault) => !faultProblems.some((row) => covers(row, fault))).map(({ name }) => name);
    expect([...NEVER_ANSWERED].filter((name) => !left.includes(name))).toEqual([]);
  });

  it('answers only problems that are listed', () => {
    expect(faultProblems.filter(({ type }) => !(type in problems))).toEqual([]);
  });
});

describe('what went wrong', () => {
  class Unheard extends Fault {}

  it.each<[string, unknown, number, string, boolean]>([
    ['a fault of the table', new TooManyAttempts(7), 429, 'too-many-requests', false],
    ['a fault without a row', new Unheard('not for strangers'), 500, 'internal', true],
    ['any other error', new TypeError('secret at /root/key'), 500, 'internal', true],
    ['something that is no error', 'oops', 500, 'internal', true],
    ['an unknown address', new NotFoundException('Cannot GET /x'), 404, 'not-found', false],
    [
      'an address that cannot be decoded',
      new BadRequestException("Failed to decode param '%ff'"),
      400,
      'bad-request',
      false,
    ],
    ['an error that only claims a status', Object.assign(new Error('x'), { status: 418 }), 500, 'internal', true],
  ])('is answered: %s', (_, error, status, type, defect) => {
    expect(problemOf(error)).toMatchObject({ status, type, defect });
  });

  it.each([new Unheard('secret'), new Error('secret'), new BadRequestException('secret')])(
    'tells nothing of %s',
    (error) => {
      expect(JSON.stringify(problemOf(error))).not.toContain('secret');
    },
  );

  it.each([
    [new TooManyAttempts(7), 7],
    [new DatabaseAway(), 5],
    [new Error('x'), undefined],
  ])('says when to try again: %s', (error, seconds) => {
    expect(problemOf(error).retryAfterSeconds).toBe(seconds);
  });

  it('takes the first row that fits', () => {
    expect(problemOfFault(new DatabaseAway())?.type).toBe('unavailable');
  });
});
