/** EX_UNAVAILABLE of sysexits.h: what a check needs is not on this machine, so it says nothing of the tree. */
export const notCheckedExit = 69;

/** Ends a check that cannot be made here. @param why shown beside its name */
export function notChecked(why: string): never {
  console.log(why);
  process.exit(notCheckedExit);
}
