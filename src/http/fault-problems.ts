import { Fault, type ProblemType } from '#contracts';
import { StagingFull } from '#chunks';
import { SealBroken } from '#crypto';
import * as storage from '#storage';
import * as access from '../access/index.js';
import * as accounts from '../accounts/index.js';
import * as connections from '../connections/index.js';
import * as contents from '../contents/index.js';
import * as database from '../database/index.js';
import * as doors from '../doors/index.js';
import { EphemeralAway } from '../ephemeral/index.js';
import * as files from '../files/index.js';
import * as jobs from '../jobs/index.js';
import { KeyDestroyed, RootEpochMissing } from '../keys/index.js';
import * as purge from '../purge/index.js';
import * as sharing from '../sharing/index.js';
import * as transfers from '../transfers/index.js';
import { NotReady } from './not-ready.js';

/** A class of fault; abstract ones count for all that extend them. */
type FaultClass<F extends Fault = Fault> = abstract new (...parts: never[]) => F;

interface Row {
  readonly fault: FaultClass;
  readonly type: ProblemType;
  /** Further members of the problem. */
  readonly members?: (fault: never) => Readonly<Record<string, unknown>>;
}

const row = <F extends Fault>(
  fault: FaultClass<F>,
  type: ProblemType,
  members?: (fault: F) => Readonly<Record<string, unknown>>,
): Row => ({ fault, type, ...(members && { members }) });

/** The one table that turns what went wrong into what is answered. A fault without a row is a defect: 500. */
export const faultProblems: readonly Row[] = [
  row(access.NotSignedIn, 'unauthorized'),
  row(access.NotAllowed, 'forbidden'),
  row(access.ForeignOrigin, 'foreign-origin'),
  row(access.SignInTooOld, 'sign-in-again'),
  row(access.BodyUnreadable, 'bad-request'),
  row(access.BodyTooLarge, 'too-large'),
  row(access.BodyTooSlow, 'request-timeout'),
  row(access.NoSuchAddress, 'not-found'),
  row(access.NotValid, 'validation', (fault) => ({ errors: fault.errors })),

  row(accounts.SignInRefused, 'sign-in-refused'),
  row(accounts.TooManyAttempts, 'too-many-requests'),
  row(accounts.HashingBusy, 'unavailable'),
  row(accounts.WrongPassword, 'wrong-password'),
  row(accounts.WeakPassword, 'weak-password'),
  row(accounts.LinkUsed, 'link-used'),
  row(accounts.EmailMissing, 'validation', (fault) => ({ errors: [{ field: 'email', message: fault.message }] })),
  row(accounts.EmailTaken, 'exists'),
  row(accounts.AccountMissing, 'not-found'),
  row(accounts.AppPasswordMissing, 'not-found'),
  row(accounts.TooManyAppPasswords, 'conflict'),
  row(accounts.LastAdmin, 'last-admin'),
  row(accounts.OwnAccount, 'conflict'),
  row(accounts.PasswordIsOwners, 'conflict'),

  row(jobs.JobUnknown, 'not-found'),
  row(jobs.JobNotCancellable, 'conflict'),

  row(database.DatabaseAway, 'unavailable'),
  row(database.DatabaseBusy, 'unavailable'),
  row(database.DatabaseFull, 'unavailable'),
  row(database.TransactionConflict, 'unavailable'),
  row(database.CommitUnknown, 'unavailable'),
  row(EphemeralAway, 'unavailable'),
  row(NotReady, 'unavailable', (fault) => ({ checks: fault.checks })),

  row(storage.BlobMissing, 'content-damaged'),
  row(storage.BlobTruncated, 'content-damaged'),
  row(storage.BlobMismatch, 'content-damaged'),
  row(storage.FolderInUse, 'conflict'),
  row(storage.FolderMissing, 'not-found'),
  row(storage.ConnectionFull, 'storage-full'),
  row(storage.Throttled, 'unavailable'),
  row(storage.ConnectionAway, 'unavailable'),
  row(storage.AccessRefused, 'unavailable'),
  row(storage.SettingRefused, 'validation', (fault) => ({ errors: [{ field: fault.field, message: fault.message }] })),

  row(SealBroken, 'content-damaged'),
  row(KeyDestroyed, 'content-damaged'),
  row(RootEpochMissing, 'unavailable'),
  row(database.RowUnreadable, 'content-damaged'),

  row(connections.ConnectionUnknown, 'not-found'),
  row(connections.ProviderUnknown, 'not-found'),
  row(connections.AdminsOnly, 'forbidden'),
  row(connections.AlreadyConnected, 'exists'),
  row(connections.ApplicationMissing, 'not-configured'),
  row(connections.ConsentStateRefused, 'oauth-state'),
  row(connections.ConsentDenied, 'oauth-denied'),
  row(connections.ConsentUnknown, 'validation', (fault) => ({
    errors: [{ field: 'consent', message: fault.message }],
  })),
  row(connections.OtherAccount, 'conflict'),
  row(connections.ConsentNeeded, 'validation', (fault) => ({
    errors: [{ field: 'provider', message: fault.message }],
  })),
  row(connections.PlaceReserved, 'validation', (fault) => ({ errors: [{ field: 'path', message: fault.message }] })),
  row(connections.ConnectionTestFailed, 'connection-test-failed', ({ result }) => ({
    step: result.failedStep,
    advice: result.advice,
    steps: result.steps,
  })),
  row(connections.LoginUnknown, 'not-found'),
  row(connections.TooManyTries, 'too-many-requests'),
  row(connections.FoldersUnseen, 'validation', (fault) => ({
    errors: [{ field: 'provider', message: fault.message }],
  })),
  row(connections.WhichConnection, 'validation', (fault) => ({
    errors: [{ field: 'connection', message: fault.message }],
  })),
  row(connections.MarkerAlarm, 'unavailable'),
  row(connections.DeletionsHeld, 'unavailable'),
  row(connections.NothingHeld, 'conflict'),
  row(connections.SpreadUnmet, 'spread-unmet'),
  row(connections.TooFewPlaces, 'too-few-places'),
  row(connections.StorageFull, 'storage-full'),
  row(connections.StorageAway, 'unavailable'),

  row(contents.QuotaExceeded, 'quota-exceeded'),
  row(contents.DraftLost, 'unavailable'),
  row(contents.ContentDamaged, 'content-damaged'),

  row(files.NameRefused, 'bad-name'),
  row(files.NotFound, 'not-found'),
  row(files.NameTaken, 'exists'),
  row(files.IsFolder, 'is-folder'),
  row(files.BelowFile, 'not-a-folder'),
  row(files.ParentMissing, 'conflict'),
  row(files.Locked, 'locked'),
  row(files.LockTokenUnfit, 'conflict'),
  row(files.TooManyLocks, 'conflict'),
  row(files.TooMuchToCopy, 'conflict'),
  row(files.TooManyProperties, 'properties-full'),
  row(files.TreeBusy, 'unavailable'),
  row(files.IntoItself, 'conflict'),
  row(files.RootStays, 'conflict'),
  row(files.PreconditionFailed, 'precondition-failed'),
  row(files.CursorRefused, 'bad-request'),
  row(files.CursorExpired, 'cursor-expired'),
  row(files.Immutable, 'immutable'),
  row(files.NotAFolder, 'not-a-folder'),
  row(files.DateUnfit, 'validation', (fault) => ({ errors: [{ field: 'until', message: fault.message }] })),
  row(files.TooManyImmutable, 'conflict'),
  row(files.NotInTrash, 'not-found'),
  row(files.NoSuchVersion, 'not-found'),
  row(files.NewestStays, 'conflict'),

  row(doors.TusUnspoken, 'tus-version'),
  row(doors.PartUntyped, 'body-unexpected'),
  row(doors.ChecksumUnknown, 'bad-request'),
  row(doors.ConcatenationUnspoken, 'not-implemented'),
  row(doors.OverrideUnfit, 'method-not-allowed'),
  row(doors.DavUnreadable, 'bad-request'),
  row(doors.BodyUnexpected, 'body-unexpected'),
  row(doors.MethodUnfit, 'method-not-allowed'),
  row(doors.DavRefused, 'forbidden'),

  row(purge.ConnectionInUse, 'connection-in-use', ({ leaving, advice }) => ({ leaving, advice })),
  row(purge.OriginalsThere, 'immutable'),
  row(sharing.ArchivesFull, 'unavailable'),
  row(sharing.AddressRefused, 'address-refused'),
  row(sharing.LinkMissing, 'not-found'),
  row(sharing.TooManyLinks, 'conflict'),
  row(sharing.LinkDateUnfit, 'validation', (fault) => ({ errors: [{ field: 'expiresAt', message: fault.message }] })),
  row(sharing.LinkClosed, 'not-found'),
  row(sharing.LinkPasswordWrong, 'link-password'),
  row(sharing.PictureUnknown, 'no-preview'),
  row(sharing.PictureTooLarge, 'no-preview'),
  row(sharing.PictureBroken, 'no-preview'),
  row(sharing.PictureLocked, 'no-preview'),
  row(sharing.PictureTooCostly, 'no-preview'),
  row(sharing.PreviewsBusy, 'unavailable'),
  row(sharing.PreviewsOff, 'not-configured'),

  row(StagingFull, 'unavailable'),
  row(transfers.BodyCutShort, 'length-mismatch'),
  row(transfers.BodyTooLong, 'length-mismatch'),
  row(transfers.SenderStalled, 'request-timeout'),
  row(transfers.DigestMismatch, 'digest-mismatch'),
  row(transfers.BodyBeyondLimit, 'too-large'),
  row(transfers.HeaderRefused, 'bad-request'),
  row(transfers.RangeUnsatisfiable, 'range'),
  row(transfers.UploadUnknown, 'not-found'),
  row(transfers.OffsetWrong, 'upload-offset'),
  row(transfers.UploadTakenOver, 'conflict'),
  row(transfers.UploadLost, 'upload-lost'),
  row(transfers.LengthChanged, 'bad-request'),
  row(transfers.ChecksumMismatch, 'checksum-mismatch'),
  row(transfers.TooManyUploads, 'conflict'),
  row(transfers.TooManyChunks, 'too-large'),
  row(transfers.UploadTooLong, 'too-large'),
];

export interface Mapped {
  readonly type: ProblemType;
  readonly members: Readonly<Record<string, unknown>>;
}

/** The first row that fits, so that a class may stand above the one it extends. */
export function problemOfFault(fault: Fault): Mapped | null {
  const found = faultProblems.find((candidate) => fault instanceof candidate.fault);
  return found === undefined ? null : { type: found.type, members: found.members?.(fault as never) ?? {} };
}
