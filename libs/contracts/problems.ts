import { z } from 'zod';

export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  readonly description: string;
}

const kind = (status: number, title: string, description: string): ProblemKind => ({ status, title, description });

/** Every `type` that a problem may have. A slug, once here, keeps its meaning and its status for good. */
export const problems = {
  'bad-request': kind(
    400,
    'Bad request',
    'The request is malformed: its address, a header, or a body that is not the JSON it should be.',
  ),
  'bad-name': kind(
    400,
    'Bad name',
    'A path holds a name that no file can have: empty, «.» or «..», with «/» or NUL, too long, or not UTF-8.',
  ),
  'oauth-state': kind(
    400,
    'Not a sign-in of this browser',
    'What came back from a consent page belongs to no question that was asked from this browser; or it was used, or has expired. Nothing was changed.',
  ),
  'length-mismatch': kind(
    400,
    'Length mismatch',
    'The body ended before, or went on after, the length that was announced.',
  ),
  unauthorized: kind(401, 'Sign in first', 'No credentials, or none that are valid now.'),
  'sign-in-refused': kind(
    401,
    'Sign-in refused',
    'No account has this e-mail address and this password. Which of the two is wrong is not told.',
  ),
  forbidden: kind(403, 'Not allowed', 'The account that is signed in may not make this call.'),
  'wrong-password': kind(403, 'Wrong password', 'The current password, asked for once more, is wrong.'),
  'sign-in-again': kind(
    403,
    'Sign in again',
    'The call is for somebody who has signed in lately. Sign in once more, and repeat it.',
  ),
  'link-password': kind(403, 'The link asks for a password', 'There was none with the call, or a wrong one.'),
  'address-refused': kind(
    403,
    'Address refused',
    'The signed address was changed, has expired, or was withdrawn. Which of these is not told.',
  ),
  'foreign-origin': kind(
    403,
    'Foreign origin',
    'A request that relies on the cookie must carry the Origin of this gateway.',
  ),
  'not-found': kind(404, 'Not found', 'There is no such thing, or it belongs to somebody else.'),
  'method-not-allowed': kind(
    405,
    'Method not allowed',
    'There is such an address, but not for this method; Allow names those there are.',
  ),
  'request-timeout': kind(408, 'Too slow', 'The request did not arrive in time.'),
  exists: kind(409, 'Exists already', 'What should be made is there already, or its name is taken.'),
  'is-folder': kind(409, 'Is a folder', 'The call wants a file, and a folder lies there.'),
  'not-a-folder': kind(409, 'Not a folder', 'A file lies where the path wants a folder.'),
  conflict: kind(409, 'Conflict', 'The call does not fit the state that things are in.'),
  'connection-in-use': kind(
    409,
    'Connection in use',
    'Files lie on the connection; `leaving` says how many, `advice` what can be done.',
  ),
  immutable: kind(409, 'Immutable', 'It lies in an immutable folder, or holds one: it stays as it is until a date.'),
  'last-admin': kind(409, 'Last admin', 'Somebody must be left who looks after the accounts.'),
  'cursor-expired': kind(
    410,
    'Cursor expired',
    'What came after this cursor is not remembered any more. List the tree anew, and go on with a new cursor.',
  ),
  'upload-lost': kind(
    410,
    'Upload lost',
    'Some of what the upload had stored was lost or changed before it was whole. It was given up: begin a new one.',
  ),
  'upload-offset': kind(409, 'Not at this offset', 'The upload stands at another byte: ask where, and go on there.'),
  'tus-version': kind(412, 'Not tus 1.0', 'The call wants `Tus-Resumable: 1.0.0`.'),
  'precondition-failed': kind(412, 'Precondition failed', 'What the call was meant for has changed meanwhile.'),
  'too-large': kind(413, 'Too large', 'The body is larger than this call takes.'),
  'address-too-long': kind(414, 'Address too long', 'The address of the request is longer than the gateway reads.'),
  'body-unexpected': kind(415, 'Body not expected', 'The call takes no body, or none of this type.'),
  'no-preview': kind(
    415,
    'No preview',
    'The file is no picture of a kind that is shown and no PDF, cannot be read as one, asks for a password, or takes more than a preview may. `detail` says which.',
  ),
  range: kind(416, 'Range not satisfiable', 'No byte of the file lies in the range that was asked for.'),
  'expectation-failed': kind(417, 'Expectation failed', 'The gateway knows no expectation but 100-continue.'),
  validation: kind(
    422,
    'Not valid',
    'The JSON is well formed, but not what this call takes; `errors` names each field.',
  ),
  locked: kind(423, 'Locked', 'What the call would change is locked, and the call does not show the lock’s token.'),
  'weak-password': kind(
    422,
    'Weak password',
    'The password is too short, too common, or too much like the e-mail address.',
  ),
  'link-used': kind(422, 'Link no longer valid', 'The one-time link was used, has expired, or never was one of ours.'),
  'digest-mismatch': kind(
    422,
    'Digest mismatch',
    'The bytes that arrived do not have the digest that was announced; nothing was stored.',
  ),
  'connection-test-failed': kind(
    422,
    'Connection test failed',
    'The connection did not pass its test; `step` names where it failed. Nothing was saved.',
  ),
  'oauth-denied': kind(
    422,
    'Consent refused',
    'On the vendor’s page access was refused, or not all that is needed was granted. Nothing was saved.',
  ),
  'spread-unmet': kind(
    422,
    'Spread cannot be met',
    'There are not enough connections in distinct domains for this spread.',
  ),
  'precondition-required': kind(428, 'Precondition required', 'The call must say which state it is meant for.'),
  'too-many-requests': kind(429, 'Too many requests', 'Retry-After says when it is worth another try.'),
  'headers-too-large': kind(431, 'Headers too large', 'The headers of the request are larger than the gateway reads.'),
  'checksum-mismatch': kind(
    460,
    'Checksum mismatch',
    'The part does not have the checksum that came with it; it was dropped.',
  ),
  internal: kind(500, 'Internal error', 'The gateway failed. The request id finds the reason in its log.'),
  'not-implemented': kind(501, 'Not implemented', 'The gateway does not do this yet.'),
  'content-damaged': kind(
    502,
    'Content damaged',
    'The bytes that came back from the connections are not those that were stored, and could not be mended now.',
  ),
  unavailable: kind(
    503,
    'Not available now',
    'Something the gateway needs is away; Retry-After says when it is worth another try.',
  ),
  'properties-full': kind(507, 'Too many properties', 'No more can be noted down about this file or folder.'),
  'not-configured': kind(
    503,
    'Not set up',
    'The operator of this gateway has not set up what the call needs; `detail` names the variables.',
  ),
  'quota-exceeded': kind(507, 'Quota exceeded', 'The account’s quota does not hold this much.'),
  'storage-full': kind(507, 'Storage full', 'The connections do not hold this much.'),
  'too-few-places': kind(
    507,
    'Too few places',
    'There are fewer connections that fail apart from each other than each chunk needs under the spread.',
  ),
} as const satisfies Record<string, ProblemKind>;

export type ProblemType = keyof typeof problems;

export const FieldError = z.object({
  field: z.string().describe('The path of the field, dots between its names; empty for the body as a whole.'),
  message: z.string(),
});
export type FieldError = z.infer<typeof FieldError>;

/** RFC 9457. Some types add members of their own. */
export const Problem = z.looseObject({
  type: z.enum(Object.keys(problems) as [ProblemType, ...ProblemType[]]),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional().describe('What happened this time, for people.'),
  requestId: z.string().describe('Finds this request in the gateway’s log.'),
  errors: z.array(FieldError).optional(),
});
export type Problem = z.infer<typeof Problem>;
