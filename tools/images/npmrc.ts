export interface NpmOfMachine {
  /** The global and the user's npmrc, the weaker first. */
  readonly files: readonly string[];
  /** What `npm config get` says of plain names. */
  readonly said: ReadonlyMap<string, string | undefined>;
  /** The certificates npm trusts instead of Node's own (`cafile`), as PEM; empty for none. */
  readonly ownCertificates: string;
  /** Those it trusts beside Node's own (`NODE_EXTRA_CA_CERTS`), as PEM; empty for none. */
  readonly extraCertificates: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface BuildSettings {
  /** Lines of an npmrc for the build; empty where npm's defaults do. */
  readonly npmrc: string;
  /** PEM; empty where Node's own certificates do. */
  readonly certificates: string;
}

/** npm's own choice, which needs no line. */
const defaults = new Map([['strict-ssl', 'true']]);
/** Registries of scopes, and what lets npm into a registry; all else is of this machine only (paths, caches, habits). */
const carriedOver = /^(?:@[^:=\s]+:registry|\/\/[^=\s]+:(?:_authToken|_auth|_password|username|email|always-auth))\s*=/;
/** Where the build stage finds the certificates. */
const certificatesInBuild = '/build/ca.crt';

/** What the build stage needs of this machine's npm settings, with `${NAME}` put in as npm does. */
export function buildSettings(machine: NpmOfMachine): BuildSettings {
  const lines = [
    ...[...machine.said].flatMap(([name, value]) =>
      value === undefined || value === defaults.get(name) ? [] : [`${name}=${value}`],
    ),
    ...machine.files
      .flatMap((file) => file.split(/\r?\n/))
      .map((line) => line.trim())
      .filter((line) => carriedOver.test(line))
      .map((line) => expanded(line, machine.env)),
    ...(machine.ownCertificates === '' ? [] : [`cafile=${certificatesInBuild}`]),
  ];
  const certificates = [...new Set([machine.ownCertificates, machine.extraCertificates])].filter((pem) => pem !== '');
  return {
    npmrc: lines.length === 0 ? '' : `${lines.join('\n')}\n`,
    certificates: certificates.join('\n'),
  };
}

/** `${NAME}` and `${NAME?}` as npm reads them: the first stays as it is when NAME is not set, the second vanishes. */
const expanded = (line: string, env: NpmOfMachine['env']) =>
  line.replaceAll(
    /\$\{([^}?]+)(\?)?\}/g,
    (whole, name: string, optional?: string) => env[name] ?? (optional ? '' : whole),
  );
