/** Waiting with a bound. */

/** What `work` gives, or what `late` gives (or throws) after `ms`; the work is then left to itself. */
export async function within<T, L>(ms: number, work: Promise<T>, late: () => L | Promise<L>): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  }).then(late);
  // whichever comes second is nobody's: it may still fail
  work.catch(() => undefined);
  over.catch(() => undefined);
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** As `within`, for work that must be done in time. @throws what `work` throws, or an error that says that there was no answer */
export const answered = <T>(ms: number, work: Promise<T>, who?: string): Promise<T> =>
  within(ms, work, () => {
    throw new Error(`${who === undefined ? '' : `${who} gave `}no answer within ${ms} ms`);
  });
