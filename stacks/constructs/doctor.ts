import { Service } from './service.ts';
import type { System } from './system.ts';
import { type WorkerProps, workerProps } from './worker-pool.ts';

/** The one-shot that tries every connection as a worker will make it; nothing migrates or starts before it is content. */
export class Doctor extends Service {
  constructor(system: System, props: WorkerProps) {
    const { health: _none, ...worker } = workerProps(props);
    super(system, {
      ...worker,
      service: 'doctor',
      command: ['millrace', 'doctor', '--before-start'],
      dnsOptions: ['ndots:1'],
    });
  }
}
