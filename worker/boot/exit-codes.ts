/** How processes end, for what supervises them. */

export const exitFailed = 1;
/** EX_CONFIG of sysexits.h: starting again without a change does not help. */
export const exitConfig = 78;
/** EX_TEMPFAIL: the process has drained and wants to be started anew. */
export const exitWorn = 75;
