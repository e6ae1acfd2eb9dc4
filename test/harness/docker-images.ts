import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The official images, used when neither the environment nor `tools/setup` chose others. */
const officialImages = {
  REDIS_IMAGE: 'redis:8.0.3-bookworm',
  POSTGRES_IMAGE: 'pgvector/pgvector:0.8.1-pg17',
  NODE_IMAGE: 'node:24-trixie-slim',
} as const;

/** What `tools/setup --for test` wrote down: `NAME=value` lines, `#` comments. */
function settingsFromSetup(): ReadonlyMap<string, string> {
  const file = join(process.env.MILLRACE_CACHE ?? join(homedir(), '.cache'), 'millrace', 'images.env');
  if (!existsSync(file)) return new Map();
  return new Map(
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.includes('=') && !line.startsWith('#'))
      .map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

/**
 * The image a variable names: the environment's, else the one set-up chose, else the official one. Also tells
 * testcontainers to do without its cleaner's image where set-up found no registry.
 */
export function imageFor(variable: keyof typeof officialImages): string {
  const settings = settingsFromSetup();
  process.env.TESTCONTAINERS_RYUK_DISABLED ??= settings.get('TESTCONTAINERS_RYUK_DISABLED') ?? 'false';
  return process.env[variable] || settings.get(variable) || officialImages[variable];
}
