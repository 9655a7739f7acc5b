export const DRAIN = 'drain';
export const HOMECOMING = 'homecoming';
