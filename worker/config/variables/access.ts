/** Who may use the API, where it is, and how much it takes in. */
import { integer, text } from '../variable.ts';

/** The fewest characters of a key that somebody chose. */
export const minApiKeyChars = 16;

export const access = {
  MILLRACE_API_KEY: text({
    secret: true,
    doc: `The API key of the default tenant, at least ${minApiKeyChars} characters. Unset in mode \`all\`: one is made at first start and kept in \`$MILLRACE_HOME/api-key\`.`,
  }),
  MILLRACE_URL: text({
    doc: 'For commands: where the API is, as `http://127.0.0.1:5001`. Unset: where the embedded Millrace of `MILLRACE_HOME` says, else that address.',
  }),
  UPLOAD_FILE_SIZE_LIMIT: integer(1, 4096, 'MB')({ default: 200, doc: 'Largest file the API takes in.' }),
  MILLRACE_RATE_LIMIT: integer(
    0,
    10_000_000,
    'requests a minute',
  )({
    default: 0,
    doc: 'Requests a minute an API key may send to one process; 0 is no limit.',
  }),
} as const;
