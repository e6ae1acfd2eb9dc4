/** Stacks synthesised from a small checkout of their own, so that tests do not depend on what the real files hold. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { App, TerraformStack } from '../cdktf.ts';
import { System } from '../constructs/system.ts';
import type { Values } from '../passed-on.ts';
import type { GivenSecrets } from '../revisions.ts';
import { readSettings } from '../settings.ts';
import { MillraceStack, type StackName } from '../stack.ts';

const files = {
  'compose/init/permissions.sh': '',
  'compose/postgres/start.sh': '',
  'compose/redis/start.sh': '',
  'compose/squid/start.sh': '',
  'compose/env/standalone.env': 'REDIS_HOST=redis',
  'compose/env/sentinel.env': 'REDIS_USE_SENTINEL=true',
  'compose/env/cluster.env': 'REDIS_USE_CLUSTERS=true',
  'compose/env/external.env': '',
  'compose/observability/prometheus.yml': '',
  'compose/env/tls-false.env': 'REDIS_USE_SSL=false',
  'compose/env/tls-true.env': 'REDIS_USE_SSL=true',
};

type Attributes = Readonly<Record<string, unknown>>;

/** What Terraform reads. */
export interface Synthesised {
  readonly data?: Readonly<Record<string, Readonly<Record<string, Attributes>>>>;
  readonly resource: Readonly<Record<string, Readonly<Record<string, Attributes>>>>;
  readonly output: Readonly<Record<string, Attributes>>;
  readonly variable: Readonly<Record<string, Attributes>>;
  readonly terraform: { readonly backend: Readonly<Record<string, Attributes>> };
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-stacks-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function read(outputFolder: string, name: string): Synthesised {
  return JSON.parse(readFileSync(join(outputFolder, 'stacks', name, 'cdk.tf.json'), 'utf8'));
}

/** Given by compose/.env alone. */
export const givenLines = (lines: Values): GivenSecrets => ({ lines, files: {}, key: () => Buffer.alloc(32, 7) });

/** One stack as an operator with these settings gets it; they all stand in compose/.env. */
export function synthesised(name: StackName, values: Values = {}, given = givenLines(values)): Synthesised {
  return inFolder((root) => {
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), content);
    }
    const outputFolder = join(root, 'cdktf.out');
    const app = new App({ outdir: outputFolder });
    new MillraceStack(app, { name, settings: readSettings(values), given, root, outputFolder });
    app.synth();
    return read(outputFolder, name);
  });
}

/** A stack that holds what `fill` puts there. @throws what synthesis refuses */
export function synthesisedOf(fill: (system: System, stack: TerraformStack) => void): Synthesised {
  return inFolder((outputFolder) => {
    const app = new App({ outdir: outputFolder });
    const stack = new TerraformStack(app, 'trial');
    fill(new System(stack, { name: 'trial', project: 'millrace', checkout: '../../..' }), stack);
    app.synth();
    return read(outputFolder, 'trial');
  });
}

/** Containers by the name of their service. */
export function containersOf({ resource }: Synthesised): ReadonlyMap<string, Attributes> {
  const containers = Object.entries(resource.docker_container ?? {});
  return new Map(containers.map(([id, attributes]) => [id.replace(/_container_[0-9A-F]{8}$/, ''), attributes]));
}
