export { Access, type AccessRule, ADMINS, DAV_USERS, inWords, RECENT_USERS, USERS } from './access.js';
export { AccessModule } from './access.module.js';
export { type Caller, ClientAddress, CurrentCaller } from './caller.js';
export { cookieName, cookieOptions, isSecure, readCookie } from './cookie.js';
export { checked, Describe, type Description, FromBody, FromPath, FromQuery, type Raw } from './describe.js';
export * from './faults.js';
export { type Route, RouteTable } from './route-table.js';
export { readSmallBody } from './small-body.js';
