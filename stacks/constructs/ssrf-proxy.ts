import { Service } from './service.ts';
import type { System } from './system.ts';
import { kitFolder } from './worker-image.ts';

export interface SsrfProxyProps {
  readonly image: string;
  /** Hosts that the operator's own settings name, which may be private. @default '' */
  readonly allow?: string;
  /** Files of compose/squid. */
  readonly configuration: readonly string[];
}

/** Squid: the only way out for addresses that come from users or tasks; private ranges are closed. */
export class SsrfProxy extends Service {
  constructor(system: System, { image, allow = '', configuration }: SsrfProxyProps) {
    super(system, {
      service: 'ssrf_proxy',
      image,
      entrypoint: ['/bin/sh', '/etc/millrace/squid/start.sh'],
      user: '13:13',
      environment: allow === '' ? {} : { MILLRACE_PROXY_ALLOW: allow },
      networks: ['edge', 'ssrf_proxy_network'],
      mounts: [kitFolder('squid')],
      configuration,
      tmpfs: {
        '/run/squid': 'size=1m,uid=13,gid=13,mode=0700',
        '/var/log/squid': 'size=16m,uid=13,gid=13,mode=0700',
        '/var/spool/squid': 'size=16m,uid=13,gid=13,mode=0700',
      },
      health: ['/bin/sh', '/etc/millrace/squid/health.sh'],
      memoryMegabytes: 128,
      cpus: 0.5,
      pids: 128,
      stopGraceSeconds: 10,
    });
  }
}
