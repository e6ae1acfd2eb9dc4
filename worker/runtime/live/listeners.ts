/** Who listens in this process: by tenant, and there to all, to a user or to one task. */
import { isFinal, type LiveEvent } from './event.ts';
import { compareIds } from './reader.ts';

export type LiveScope =
  | { readonly kind: 'task'; readonly taskId: string; readonly durable: boolean }
  | { readonly kind: 'user'; readonly userId: string }
  | { readonly kind: 'tenant' };

export interface LiveListener {
  /** In order. What is told may be told again around a gap: `epoch` and `status` in its data tell old from new. */
  onEvent(event: LiveEvent): void;
  /**
   * Something may be missing between what was told before and what comes next, which is how things stand by the ledger.
   * `complete: false`: of so many tasks only the newest are told; ask for the list.
   */
  onGap(gap: { readonly complete: boolean }): void;
}

/** Events kept for a listener that is still told how things stand; more are a gap. Ends get more room than what comes again. */
const maxHeld = 1000;
const maxHeldEnds = 10_000;

export class Subscription {
  readonly tenantId: string;
  readonly scope: LiveScope;
  readonly #listener: LiveListener;
  /** While it is told how things stand. */
  #held: LiveEvent[] | undefined = [];
  #overrun = false;
  /** Epoch of the end that the one task of this listener has had. */
  #endedAt: number | undefined;

  constructor(tenantId: string, scope: LiveScope, listener: LiveListener) {
    this.tenantId = tenantId;
    this.scope = scope;
    this.#listener = listener;
  }

  /** Of events of its tenant. */
  matches({ taskId, userId }: Pick<LiveEvent, 'taskId' | 'userId'>): boolean {
    switch (this.scope.kind) {
      case 'task':
        return taskId === this.scope.taskId;
      case 'user':
        return userId === this.scope.userId;
      case 'tenant':
        return true;
    }
  }

  tell(event: LiveEvent): void {
    if (!this.#held) this.#pass(event);
    else if (this.#held.length < (isFinal(event) ? maxHeldEnds : maxHeld)) this.#held.push(event);
    else this.#overrun = true;
  }

  gap(gap: { readonly complete: boolean }): void {
    this.#listener.onGap(gap);
  }

  /** Tells these first, then what came meanwhile: of a replay only what came after its last event. */
  begin(events: readonly LiveEvent[], through: string | undefined): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const event of events) this.#pass(event);
    if (this.#overrun) this.#listener.onGap({ complete: false });
    for (const event of held) {
      const known = through !== undefined && event.id !== undefined && compareIds(event.id, through) <= 0;
      if (!known) this.#pass(event);
    }
  }

  /** Of one task nothing is told after its end that is older, or the same. */
  #pass(event: LiveEvent): void {
    if (this.scope.kind === 'task') {
      if (this.#endedAt !== undefined && event.epoch <= this.#endedAt) return;
      if (isFinal(event)) this.#endedAt = event.epoch;
    }
    this.#listener.onEvent(event);
  }
}

interface Tenant {
  readonly all: Set<Subscription>;
  readonly users: Map<string, Set<Subscription>>;
  readonly tasks: Map<string, Set<Subscription>>;
}

export class Listeners {
  readonly #tenants = new Map<string, Tenant>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(tenantId: string, scope: LiveScope, listener: LiveListener): Subscription {
    const subscription = new Subscription(tenantId, scope, listener);
    const tenant = this.#tenants.get(tenantId) ?? { all: new Set(), users: new Map(), tasks: new Map() };
    this.#tenants.set(tenantId, tenant);
    this.#size += 1;
    if (scope.kind === 'tenant') {
      tenant.all.add(subscription);
      return subscription;
    }
    const [map, key] = scope.kind === 'user' ? [tenant.users, scope.userId] : [tenant.tasks, scope.taskId];
    const set = map.get(key) ?? new Set();
    map.set(key, set);
    set.add(subscription);
    return subscription;
  }

  remove(subscription: Subscription): void {
    const { tenantId, scope } = subscription;
    const tenant = this.#tenants.get(tenantId);
    if (!tenant) return;
    this.#size -= 1;
    tenant.all.delete(subscription);
    if (scope.kind !== 'tenant') {
      const [map, key] = scope.kind === 'user' ? [tenant.users, scope.userId] : [tenant.tasks, scope.taskId];
      const set = map.get(key);
      set?.delete(subscription);
      if (set?.size === 0) map.delete(key);
    }
    if (tenant.all.size + tenant.users.size + tenant.tasks.size === 0) this.#tenants.delete(tenantId);
  }

  /** Whom an event concerns. */
  of({ tenantId, taskId, userId }: LiveEvent): Subscription[] {
    const tenant = this.#tenants.get(tenantId);
    if (!tenant) return [];
    const byTask = tenant.tasks.get(taskId);
    const byUser = userId === undefined ? undefined : tenant.users.get(userId);
    return [...tenant.all, ...(byUser ?? []), ...(byTask ?? [])];
  }

  /** Whether anybody may want to hear of a task. */
  cares(tenantId: string, taskId: string): boolean {
    const tenant = this.#tenants.get(tenantId);
    return tenant !== undefined && (tenant.all.size + tenant.users.size > 0 || tenant.tasks.has(taskId));
  }

  tenants(which: (tenantId: string) => boolean): string[] {
    return [...this.#tenants.keys()].filter(which);
  }

  /** Those of a tenant that listen to more than one task. */
  wide(tenantId: string): Subscription[] {
    const tenant = this.#tenants.get(tenantId);
    return tenant ? [...tenant.all, ...[...tenant.users.values()].flatMap((set) => [...set])] : [];
  }

  /** Tasks of durable rows that somebody listens to one by one. */
  taskIds(ofTenant: (tenantId: string) => boolean): string[] {
    return [...this.#tenants].flatMap(([tenantId, { tasks }]) => (ofTenant(tenantId) ? [...tasks.keys()] : []));
  }
}
