import { Service } from './service.ts';
import type { Gated } from './service-props.ts';
import type { System } from './system.ts';

export interface ObservabilityProps {
  /** Of Prometheus. */
  readonly image: string;
  /** Port of the host, on 127.0.0.1. @default 9090 */
  readonly port?: number;
  /** Files of compose/observability. */
  readonly configuration: readonly string[];
  readonly after: readonly Gated[];
}

/** Prometheus, which scrapes every process of the stack. */
export class Observability extends Service {
  constructor(system: System, { image, port = 9090, configuration, after }: ObservabilityProps) {
    super(system, {
      service: 'prometheus',
      image,
      command: [
        '--config.file=/etc/prometheus/prometheus.yml',
        '--storage.tsdb.path=/prometheus',
        '--storage.tsdb.retention.time=15d',
        '--storage.tsdb.retention.size=2GB',
      ],
      user: '65534:65534',
      networks: ['edge', 'data'],
      dnsOptions: [],
      mounts: [
        { path: 'compose/observability', target: '/etc/prometheus' },
        { volume: 'prometheus_data', target: '/prometheus' },
      ],
      configuration,
      health: ['promtool', 'check', 'ready', '--url=http://127.0.0.1:9090'],
      memoryMegabytes: 512,
      cpus: 0.5,
      pids: 128,
      stopGraceSeconds: 30,
      publish: { address: '127.0.0.1', hostPort: port, containerPort: 9090 },
      after,
    });
  }
}
