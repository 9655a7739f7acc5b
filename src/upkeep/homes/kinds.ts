export const DRAIN = 'drain';
export const HOMECOMING = 'homecoming';
export const REBALANCE = 'rebalance';
