/** The embedding endpoint: whether something speaks HTTP there. Nothing is embedded, and no key is sent. */
import type { EmbeddingSettings } from '../../config/config.ts';
import { errorText } from '../../errors.ts';
import { sentence } from '../causes.ts';
import { type Checked, failed, fault, warning } from '../report.ts';

const answerMs = 5000;
const firstServerError = 500;

export async function checkEmbedding(settings: EmbeddingSettings): Promise<Checked> {
  if (settings.provider === 'embedded')
    return {
      subject: 'embedding',
      found: 'a model in the worker itself',
      facts: { provider: settings.provider, threads: settings.threads },
      findings: [],
      unseen: [],
    };
  const url = withoutCredentials(settings.baseUrl);
  const subject = `embedding ${url}`;
  try {
    const response = await fetch(settings.baseUrl, { redirect: 'manual', signal: AbortSignal.timeout(answerMs) });
    await response.body?.cancel();
    const facts = { provider: settings.provider, url, model: settings.model, http_status: response.status };
    const findings =
      response.status < firstServerError
        ? []
        : [
            warning(
              'embedding_unwell',
              `The embedding endpoint at ${url} answers with ${response.status}.`,
              'See its own log; documents wait and are tried again until it is well.',
            ),
          ];
    return {
      subject,
      found: `speaks HTTP (${response.status})`,
      facts,
      findings,
      unseen: ['key and model: not tried'],
    };
  } catch (error) {
    return failed(
      subject,
      fault(
        'embedding_unreachable',
        sentence(`The embedding endpoint at ${url} does not answer: ${errorText(error)}`),
        'Check MILLRACE_EMBEDDING_BASE_URL, and that it runs and can be reached from this machine.',
      ),
    );
  }
}

function withoutCredentials(text: string): string {
  const url = URL.parse(text);
  if (!url) return text;
  url.username = '';
  url.password = '';
  url.search = '';
  return url.href;
}
