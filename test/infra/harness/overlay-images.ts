/** Images that only overlays have: set-up asks no registry for them, and builds no stand-ins of them. */
import { command, root } from './docker.ts';

/** Weaviate's stand-in is compiled. */
const makeTimeoutMs = 840_000;

const script = `set -euo pipefail
root="$1" reason=
. "$root/tools/setup.d/lib.sh"
. "$root/tools/setup.d/60-images.sh"
mkdir -p "$cache/logs"
lock "$cache/setup.lock"
overlay_image "$2" || fail "$reason"`;

/** The image that a variable names, which is here now: the environment's, the official one, or a stand-in. */
export async function overlayImage(variable: 'PROMETHEUS_IMAGE' | 'WEAVIATE_IMAGE'): Promise<Record<string, string>> {
  const args = ['-c', script, 'overlay-image', root.replace(/\/$/, ''), variable];
  const image = await command('bash', args, { timeoutMs: makeTimeoutMs });
  return { [variable]: image.trim() };
}
